// Compiled, not run: what index.d.ts permits and what it does not.
import { Engine, Events, Prediction, constants, reasons, bookSlots, type ForetickError } from '..';

async function bot(folder: string): Promise<number> {
  const engine = new Engine('clock = "host"\n');
  const [generation]: bigint[] = engine.publish({ direction: await engine.openBundle(folder) });
  const stream: number = engine.addStream('test:A');
  const lane = engine.openLane();
  const track = lane.openTrack('direction', [stream], constants.TRACK_ANY_STREAM);
  const events = new Events(1 + bookSlots(1));
  const next: number = events.put(0, 'trade', { stream, known_ns: 1n, price: 100, size: 1, side: constants.SIDE_BUY });
  events.put(next, 'book', { stream, slots: bookSlots(1), known_ns: 2n, bids: 1, asks: 1, rows: 1, levels: [99, 1, 101, 1] });
  if (lane.push(events).closed > 0) {
    const kept: Prediction = track.predict(2n).copy();
    if ((kept.reasons & reasons.DATA_STALE) !== 0n || kept.action === constants.ACTION_ABSTAIN) return Number(generation);
  }
  const { values, closeNs } = track.row(constants.ROW_SCALED);
  const scorer = engine.openScorer('direction', 'lr');
  const scores: Float32Array = scorer.run(new Float32Array(values.length));
  scorer.next(new Float64Array(1), 8).fill(0);
  engine.enable('direction', '', false);
  engine.close();
  return scores[0] + Number(closeNs) + track.details().members[0].weight;
}

export function why(error: ForetickError): string {
  return `${error.code} (${error.status}): ${error.message}`;
}

export function wrong(engine: Engine, events: Events): void {
  // @ts-expect-error a bundle is opened before it is published
  engine.publish({ direction: 'models/btc-1m/v1' });
  // @ts-expect-error there is no such kind
  events.put(0, 'candle', {});
  // @ts-expect-error lanes come from an engine
  new (engine.openLane().constructor as typeof import('..').Lane)();
  // @ts-expect-error a time is no text
  engine.openLane().advance('2024-01-01');
  // @ts-expect-error records are the library's to write
  engine.openLane().flow.closed = 1;
}

export default bot;
