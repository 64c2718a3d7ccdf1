/** Market events in, a decision or an abstention with its reasons out, in this process. Threads, cost and errors: include/foretick.h. */

/** Nanoseconds since the Unix epoch: a BigInt, or 0 (and other safe integers) as a number. */
export type Time = bigint | number;

/** What a failed call throws. */
export interface ForetickError extends Error {
  /** The status by name, such as `BUSY`. */
  code: string;
  /** Its number. */
  status: number;
}

/** The header's numbers without their prefix: `ACTION_BUY`, `BUSY`. */
export const constants: { readonly [name: string]: number };
/** Bits of `reasons`: `NOT_READY`. */
export const reasons: { readonly [name: string]: bigint };

/** A record whose fields are read where the library wrote them. */
declare class Bytes {
  constructor(view?: DataView);
  readonly view: DataView;
  /** The record's memory. */
  readonly bytes: Uint8Array;
  /** The same bytes in memory of their own. */
  copy(): this;
  toJSON(): { [field: string]: number | bigint | string };
}

/** The head of a prediction. */
export class Prediction extends Bytes {
  /** `constants.ACTION_*`. */
  readonly action: number;
  /** `constants.SIGNAL_*`. */
  readonly flags: number;
  /** The step mod 65,536. */
  readonly sequence: number;
  /** NaN when there is none. */
  readonly probability: number;
  readonly signal: bigint;
  readonly stamp: bigint;
  readonly id_epoch: bigint;
  readonly id_counter: bigint;
  readonly step: bigint;
  readonly known_ns: bigint;
  readonly decided_ns: bigint;
  readonly valid_until_ns: bigint;
  readonly generation: bigint;
  /** Bits of `reasons`. */
  readonly reasons: bigint;
  readonly value: number;
  readonly raw: number;
  readonly agreement: number;
  readonly edge: number;
  readonly size_limit: number;
  readonly queue_ns: number;
  readonly compute_ns: number;
  readonly track: number;
  readonly slot: number;
  readonly backend: number;
  readonly missing: number;
  readonly out_of_range: number;
  readonly batch: number;
  readonly phase: number;
  readonly rung: number;
  readonly members_used: number;
  readonly members_total: number;
  readonly reserved: number;
  /** A copy in which what two runs of the same calls do not share is 0. */
  comparable(): Prediction;
}

/** What a push or an advance did, over all tracks of the lane. */
export class Flow extends Bytes {
  readonly struct_size: number;
  readonly closed: number;
  readonly taken: number;
  readonly reasons: bigint;
  readonly skipped: number;
  readonly conflated: number;
  readonly predicted: number;
  readonly waiting: number;
}

/** One output of a prediction. */
export class Output extends Bytes {
  readonly struct_size: number;
  readonly output: number;
  readonly task: number;
  readonly horizon: number;
  readonly flags: number;
  readonly value: number;
  readonly raw: number;
  readonly lower: number;
  readonly upper: number;
  readonly name: string;
}

/** One member's part in one output of a prediction. */
export class Member extends Bytes {
  readonly struct_size: number;
  readonly status: number;
  readonly member: number;
  readonly output: number;
  readonly backend: number;
  readonly flags: number;
  readonly compute_ns: number;
  readonly reserved: number;
  readonly value: number;
  readonly weight: number;
  readonly name: string;
}

/** What stands behind a prediction, apart from the arrays. */
export class DetailsRecord extends Bytes {
  readonly struct_size: number;
  readonly flags: number;
  readonly outputs_cap: bigint;
  readonly outputs_stride: bigint;
  readonly outputs_len: bigint;
  readonly members_cap: bigint;
  readonly members_stride: bigint;
  readonly members_len: bigint;
  readonly missing_cap: bigint;
  readonly missing_len: bigint;
  readonly id_epoch: bigint;
  readonly id_counter: bigint;
  readonly feature_hash: bigint;
  readonly phase_confidence: number;
  readonly expected_net: number;
  readonly features: number;
  readonly rows: number;
}

/** What a scorer reads and gives. */
export class ScorerInfo extends Bytes {
  readonly struct_size: number;
  readonly features: number;
  readonly window: number;
  readonly outputs: number;
  readonly generation: bigint;
  readonly backend: number;
  readonly flags: number;
}

export interface Details {
  record: DetailsRecord;
  outputs: Output[];
  members: Member[];
  /** Bit i of word i / 64 is set when feature i was off. */
  missing: BigUint64Array;
}

export interface Row {
  /** When the step's content was known. */
  closeNs: bigint;
  /** NaN where a feature is off. */
  values: Float64Array;
}

export type EventKind =
  'mark' | 'trade' | 'quote' | 'book' | 'delta' | 'bar' | 'pool' | 'block' | 'gas' | 'pending' | 'liquidation' | 'scalar';

/** Events one after another in 64-byte slots, in shared memory. */
export class Events {
  /** Room for so many slots. */
  constructor(slots: number);
  /** A copy of an array's bytes. */
  static of(bytes: ArrayBufferView): Events;
  /** The events of a file. */
  static read(file: string): Events;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /**
   * Writes an event: fields by the header's names, those that are not given are 0; `levels` and `changes` are flat arrays. `slots` is
   * how much of a book or delta is meant. The slot behind it.
   */
  put(slot: number, kind: EventKind, fields: { [name: string]: number | bigint | readonly (number | bigint)[] }): number;
  /** Slots of the event that begins at a slot. */
  slotsAt(slot: number): number;
  /** When that event was known. */
  knownNsAt(slot: number): bigint;
  /** Its head, in place. */
  headAt(slot: number): Bytes & { readonly slots: number; readonly kind: number; readonly flags: number; readonly stream: number;
    readonly known_ns: bigint; readonly event_ns: bigint; readonly seq: bigint };
}

/** What every noun has. */
export class Handle {
  readonly id: bigint;
  /** The number that records carry. */
  readonly index: number;
  /** Closes; closing twice is fine. Throws BUSY while a call of another thread is inside: then nothing is closed. */
  close(): void;
}

/** An engine: streams, slots with their bundles, lanes. `options` is TOML. */
export class Engine extends Handle {
  constructor(options?: string);
  /** Counters, gauges and sampled latencies as Prometheus text. */
  metrics(): string;
  /** The parts asked for, as JSON. `parts`: `constants.DESCRIBE_*`. */
  describe(parts: number): string;
  /** The housekeeping of an engine with `threads = 0`; whether work is left. */
  maintain(budgetNs: Time): boolean;
  /** Adds a stream, such as `binance_spot:BTCUSDT`; its id. */
  addStream(name: string, options?: string): number;
  /** Reads, verifies and compiles a bundle's folder on a thread of the pool. */
  openBundle(folder: string): Promise<Bundle>;
  /** The same on this thread: seconds. */
  openBundleSync(folder: string): Bundle;
  /** Publishes bundles under slots, all or none; the generations, in the order of the slots. `flags`: `constants.PUBLISH_REPLACE`. */
  publish(bundles: { [slot: string]: Bundle }, flags?: number): bigint[];
  /** Switches one member of a slot on or off, or the whole slot when `member` is empty. */
  enable(slot: string, member: string, on: boolean): void;
  /** A lane: one working set of tracks, one caller at a time. */
  openLane(options?: string): Lane;
  /** One model of what a slot serves now, alone. `flags`: `constants.SCORER_RAW`. */
  openScorer(slot: string, model: string, flags?: number): Scorer;
}

/** A bundle that was read and verified. */
export class Bundle extends Handle {
  private constructor();
  /** Manifest, digest, features, members with backend and why, as JSON. */
  describe(): string;
}

export class Lane extends Handle {
  private constructor();
  /** What the last push or advance did; the next one overwrites it. */
  readonly flow: Flow;
  /** Takes events until one closes a step or all are taken; `flow.taken` says how far. */
  push(events: Events, from?: number, slots?: number): Flow;
  /** Promises that nothing known at `untilNs` or before will follow. */
  advance(untilNs: Time): Flow;
  /** Feeds history to tracks that have seen nothing yet; takes it all, and no step is asked for. */
  warm(events: Events, from?: number, slots?: number): Flow;
  /** What the lane and its tracks remember. */
  snapshot(): Uint8Array;
  /** Goes on from a snapshot of a lane with the same tracks. */
  restore(snapshot: Uint8Array): void;
  /** Drains the links, at most so many slots (0: all); every step that closes is predicted and published to result memory. */
  poll(maxSlots?: number, nowNs?: Time): Flow;
  /** The way of one producer into this lane. */
  openLink(options?: string): Link;
  /** Ids of the tracks with a closed step that nobody asked for. */
  due(): bigint[];
  /** A track of a published slot on streams, one a role. `flags`: `constants.TRACK_ANY_STREAM`. */
  openTrack(slot: string, streams: readonly number[], flags?: number): Track;
}

/** A producer's end of the way into a lane: one caller at a time. */
export class Link extends Handle {
  private constructor();
  /** What the last push did; the next one overwrites it. */
  readonly flow: Flow;
  /** Pushes events until one is refused or finds no room; throws FULL when the first finds none. */
  push(events: Events, from?: number, slots?: number): Flow;
  /** All of them, or FULL and none. */
  pushAll(events: Events, from?: number, slots?: number): void;
}

/** 128 shared bytes that hold a track's newest prediction, read by any worker without entering anything. */
export class ResultMemory {
  /** Memory of its own, or that of another one's `bytes`. */
  constructor(bytes?: Uint8Array);
  readonly bytes: Uint8Array;
  /** The 8-byte signal: one atomic load, no call. 0 before the first prediction. */
  signal(): bigint;
  /** The whole prediction, in a record that the next read overwrites; throws BUSY while it is being written. */
  read(): Prediction;
}

export class Track extends Handle {
  private constructor();
  /** The last one; the next overwrites it. */
  readonly prediction: Prediction;
  /** The decision for the newest closed step, or ABSTAIN with its reasons; 0 takes the engine's clock. */
  predict(nowNs?: Time): Prediction;
  /** Works out what the next step's answer can be known by before it closes: call it when the answer is out. No value changes. */
  prepare(): void;
  /** As `predict`, on F unscaled values of the caller's, NaN where one is missing. */
  predictRow(row: ArrayLike<number>, nowNs?: Time): Prediction;
  /** Attaches result memory: it holds the newest prediction from now on, until the track is closed or other memory is attached. */
  attach(memory?: ResultMemory): ResultMemory;
  /** Gives result memory back. */
  detach(): void;
  /** The host's veto. */
  enable(on: boolean): void;
  /** The newest closed row. `flags`: `constants.ROW_SCALED`. */
  row(flags?: number): Row;
  /** Outputs, members and missing features behind the newest prediction. */
  details(): Details;
}

/** One model of a generation on rows of the caller's. */
export class Scorer extends Handle {
  private constructor();
  readonly info: ScorerInfo;
  /**
   * Scores whole rows, or windows with their oldest row first: a Float32Array, a Float64Array when it was opened RAW. `stride`: bytes from
   * one row or window to the next, 0 when they stand one after the other.
   */
  run(rows: Float32Array | Float64Array, stride?: number): Float32Array;
  /**
   * Scores, row by row, the window that each makes of the one that was scored last (`WRONG_STATE` when none was yet). The bits are those of
   * whole windows; behind `prepare` a row takes one row's time. Arrays and `stride` as with `run`.
   */
  next(rows: Float32Array | Float64Array, stride?: number): Float32Array;
  /** Works out all but the newest row of the window behind the one that was scored last; scored next, it gives the same bits sooner. */
  prepare(): void;
}

/** What was built, as JSON. */
export function buildInfo(): string;
/** The clock that time 0 means. */
export function nowNs(): bigint;
/** The name of a status: `'BUSY'`. */
export function statusName(status: number): string;
/** Slots of a book with so many rows. */
export function bookSlots(rows: number): number;
/** Slots of a delta with so many changes. */
export function deltaSlots(changes: number): number;
/** The units of a decimal text: "1.5" with 6 decimals is 1,500,000. Exact, or PRECISION. */
export function amountParse(text: string, decimals: number): bigint;
/** The units of 32 bytes, the most significant first, as chains encode them. */
export function amountFromBytes(bytes: Uint8Array): bigint;
/** Units / 10^decimals, rounded once. */
export function amountToF64(units: bigint, decimals: number): number;
