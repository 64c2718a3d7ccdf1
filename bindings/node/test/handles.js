// What the addon promises beside the calls: closes, errors, memory, the pool. Argument: a bundle by bars of a minute on test:*.
'use strict';

const assert = require('assert');
const { Engine, Events, ResultMemory, constants, reasons, bookSlots } = require('..');

const [START_NS, MINUTE_NS] = [1704067200000000000n, 60000000000n];
const OPTIONS = 'clock = "host"\nthreads = 0\n';
const folder = process.argv[2];

function barOf(minute) {
  const open_ns = START_NS + BigInt(minute) * MINUTE_NS;
  return { stream: 1, known_ns: open_ns + MINUTE_NS, open_ns, interval_ns: MINUTE_NS, open: 100, high: 101, low: 99, close: 100, volume: 2 };
}

function bar(minute) {
  const events = new Events(2);
  assert.strictEqual(events.put(0, 'bar', barOf(minute)), 2);
  return events;
}

function opened() {
  const engine = new Engine(OPTIONS);
  engine.publish({ s: engine.openBundleSync(folder) });
  engine.addStream('test:A');
  const lane = engine.openLane();
  return { engine, lane, track: lane.openTrack('s', [1]) };
}

const failed = (code) => (error) => error.code === code && error.status === constants[code] && error.message.startsWith(`${code}: `) && error.message.length > code.length + 2;

function closes() {
  const { engine, lane, track } = opened();
  engine.close();
  assert.throws(() => track.predict(START_NS), failed('INVALID_HANDLE'));
  assert.throws(() => lane.push(bar(0)), failed('INVALID_HANDLE'));
  [track, lane, engine, track].forEach((handle) => handle.close());
  assert.throws(() => engine.metrics(), failed('INVALID_HANDLE'));
}

function memory() {
  const { engine, lane, track } = opened();
  const events = new Events(4);
  assert.strictEqual(events.put(events.put(0, 'bar', barOf(0)), 'bar', barOf(1)), 4);
  assert.strictEqual(lane.push(events).taken, 2);
  assert.strictEqual(lane.push(events, 2).closed, 1);
  for (const [from, slots] of [[0, 5], [5, 0], [3, 2], [Number.MAX_SAFE_INTEGER, 1]]) assert.throws(() => lane.push(events, from, slots), RangeError);
  for (const [from, slots] of [[-1, 1], [0.5, 1], [0, NaN], [0, 2n], ['0', 1]]) assert.throws(() => lane.push(events, from, slots), TypeError);
  assert.throws(() => structuredClone(events.bytes.buffer, { transfer: [events.bytes.buffer] }), TypeError);
  assert.throws(() => lane.push({ slots: 1, bytes: new Uint8Array(64) }), TypeError);
  for (const time of [1.5, 2 ** 60, 'now', 1n << 63n, null]) assert.throws(() => track.predict(time), TypeError);
  assert.throws(() => track.predict(0), failed('INVALID_ARGUMENT'));
  assert.strictEqual(opened().track.predict(START_NS).reasons & reasons.NOT_READY, 1n);
  const kept = track.predict(START_NS + 2n * MINUTE_NS).copy();
  assert.strictEqual(kept.action, constants.ACTION_BUY);
  assert.strictEqual(track.prediction.probability, track.prediction.value);
  assert.strictEqual(track.predict(START_NS + 2n * MINUTE_NS).flags & constants.SIGNAL_REPEAT, constants.SIGNAL_REPEAT);
  assert.strictEqual(kept.flags & constants.SIGNAL_REPEAT, 0);
  assert.deepStrictEqual(track.predictRow([0], START_NS).action, constants.ACTION_SELL);
  assert.throws(() => track.predictRow(new Array(1000).fill(0), START_NS), failed('SHAPE'));
  const book = new Events(6);
  const levels = [99, 1, 101, 1, 98, 1, 102, 1];
  assert.strictEqual(book.put(0, 'book', { stream: 1, slots: bookSlots(2), known_ns: START_NS + 2n * MINUTE_NS, bids: 2, asks: 2, rows: 2, levels }), 2);
  assert.strictEqual(lane.push(book, 0, 2).taken, 2);
  assert.throws(() => book.put(0, 'book', { slots: 2, levels: new Array(80).fill(1) }), RangeError);
  assert.throws(() => book.put(0, 'trade', { prize: 1 }), RangeError);
  const scorer = engine.openScorer('s', 'lr');
  assert.strictEqual(scorer.run(Float32Array.of(1, 2)).length, 2 * scorer.info.outputs);
  assert.throws(() => scorer.run(Float64Array.of(1)), TypeError);
  engine.close();
}

// A producer, a poll, a reader; and memory that stays while the library writes it, though nobody else has it.
async function links() {
  const { engine, lane, track } = opened();
  const memory = track.attach();
  const link = lane.openLink('slots = 16\n');
  assert.deepStrictEqual([memory.signal(), memory.read().action], [0n, constants.ACTION_NONE]);
  assert.strictEqual(link.push(bar(0)).taken, 2);
  for (let minute = 1; minute < 8; minute++) link.pushAll(bar(minute));
  assert.throws(() => link.pushAll(bar(8)), failed('FULL'));
  assert.strictEqual(lane.poll(0, START_NS + 8n * MINUTE_NS).predicted, 8);
  assert.deepStrictEqual([memory.read().step, memory.signal()], [7n, memory.read().signal]);
  assert.strictEqual(new ResultMemory(memory.bytes).signal(), memory.signal());
  assert.throws(() => new ResultMemory(memory.bytes.subarray(0, 64)), TypeError);
  track.detach();
  link.push(bar(8));
  lane.poll(0, START_NS + 9n * MINUTE_NS);
  assert.strictEqual(memory.read().step, 7n);
  const others = Array.from({ length: 50 }, () => lane.openTrack('s', [1]));
  const held = others.map((other) => new WeakRef(other.attach()));
  for (let round = 9; round < 19; round++) {
    // A WeakRef keeps what it gave until its job has ended.
    await new Promise(setImmediate);
    if (global.gc) global.gc();
    assert.ok(held.every((memory) => memory.deref() !== undefined));
    link.push(bar(round));
    assert.strictEqual(lane.poll(0, START_NS + BigInt(round + 1) * MINUTE_NS).predicted, 51);
  }
  assert.strictEqual(engine.maintain(10 ** 9), false);
  assert.ok(JSON.parse(engine.describe(constants.DESCRIBE_STREAMS)).streams.length === 1);
  engine.close();
  assert.throws(() => link.push(bar(0)), failed('INVALID_HANDLE'));
}

// Functions that hold memory become garbage with it.
function collected() {
  const { engine, lane } = opened();
  for (let round = 0; round < 2000; round++) {
    lane.push(bar(round));
    if (round % 500 === 0 && global.gc) global.gc();
  }
  engine.close();
}

async function pool() {
  const { engine } = opened();
  const [good, bad] = await Promise.allSettled([engine.openBundle(folder), engine.openBundle('/nowhere/at/all')]);
  assert.ok(JSON.parse(good.value.describe()).manifest);
  assert.ok(failed('IO')(bad.reason) && bad.reason.message.includes('/nowhere/at/all'));
  engine.close();
  await assert.rejects(() => engine.openBundle(folder), failed('INVALID_HANDLE'));
}

closes();
memory();
collected();
links().then(pool).then(() => {
  // Left open: the environment closes it. One is still busy opening a bundle.
  const { engine } = opened();
  engine.openBundle(folder).catch(() => {});
});
