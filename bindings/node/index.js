// foretick for Node.js: market events in, a decision or an abstention with its reasons out, in this process.
//
// Threads, cost and errors of a call stand in include/foretick.h. A failed call throws an Error with `code` (such as 'BUSY'),
// `status` (its number) and the library's text. Hot calls (push, advance, predict) write into records that the handle owns and
// the next call overwrites: `copy()` keeps one. What they write into is shared memory, which no transfer can take away.
//
// Nothing closes a handle but close(), its engine's close, or the end of the environment.
'use strict';

const fs = require('fs');
const path = require('path');

const native = load();

function load() {
  const file = process.env.FORETICK_NATIVE_PATH || path.join(__dirname, 'foretick.node');
  try {
    return require(path.resolve(file));
  } catch (error) {
    error.message = `${error.message}\nforetick for ${process.platform}-${process.arch} is not at ${file}: build it by node build.js LIBRARY, or name it by FORETICK_NATIVE_PATH`;
    throw error;
  }
}

const PREFIX = 'REASON_';
const named = Object.entries(native.constants);
const constants = Object.freeze(Object.fromEntries(named.filter(([name]) => !name.startsWith(PREFIX))));
const reasons = Object.freeze(Object.fromEntries(named.filter(([name]) => name.startsWith(PREFIX)).map(([name, bit]) => [name.slice(PREFIX.length), bit])));

const SLOT_BYTES = 64;

// ---- records ----

const GETTERS = {
  B: (view, at) => view.getBigUint64(at, true),
  b: (view, at) => view.getBigInt64(at, true),
  I: (view, at) => view.getUint32(at, true),
  i: (view, at) => view.getInt32(at, true),
  H: (view, at) => view.getUint16(at, true),
  C: (view, at) => view.getUint8(at),
  f: (view, at) => view.getFloat32(at, true),
  d: (view, at) => view.getFloat64(at, true),
};

const SETTERS = {
  B: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  b: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  I: (view, at, value) => view.setUint32(at, value, true),
  i: (view, at, value) => view.setInt32(at, value, true),
  H: (view, at, value) => view.setUint16(at, value, true),
  C: (view, at, value) => view.setUint8(at, value),
  f: (view, at, value) => view.setFloat32(at, value, true),
  d: (view, at, value) => view.setFloat64(at, value, true),
};

// Arrays in a record: of what, and how long each is.
const ARRAYS = { Q: ['B', 8], X: ['C', 1], D: ['d', 8] };

function shared(bytes) {
  return new DataView(new SharedArrayBuffer(bytes));
}

function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function nameAt(view, at, bytes) {
  let text = '';
  for (let i = at; i < at + bytes && view.getUint8(i) !== 0; i++) text += String.fromCharCode(view.getUint8(i));
  return text;
}

// A class whose fields are read where the library wrote them.
function recordOf(name) {
  const { bytes, fields } = native.layout[name];
  class Record {
    constructor(view = shared(bytes)) {
      this.view = view;
    }
    get bytes() {
      return bytesOf(this.view);
    }
    copy() {
      const copy = new this.constructor(shared(bytes));
      copy.bytes.set(this.bytes);
      return copy;
    }
    toJSON() {
      return Object.fromEntries(Record.names.map((field) => [field, this[field]]));
    }
  }
  Record.BYTES = bytes;
  Record.names = Object.keys(fields).filter((field) => fields[field][1] in GETTERS || fields[field][1] === 's');
  for (const field of Record.names) {
    const [at, type, size] = fields[field];
    const get = type === 's' ? (view) => nameAt(view, at, size) : GETTERS[type];
    Object.defineProperty(Record.prototype, field, {
      get() {
        return get(this.view, at);
      },
    });
  }
  return Record;
}

class Prediction extends recordOf('prediction') {
  /** What to do: constants.ACTION_*. */
  get action() {
    return this.view.getUint8(0);
  }
  get flags() {
    return this.view.getUint8(1);
  }
  get sequence() {
    return this.view.getUint16(2, true);
  }
  /** NaN when there is none. */
  get probability() {
    return this.view.getFloat32(4, true);
  }
  comparable() {
    const { fields } = native.layout.prediction;
    const p = this.copy();
    for (const field of ['stamp', 'id_epoch', 'queue_ns', 'compute_ns', 'batch']) SETTERS[fields[field][1]](p.view, fields[field][0], 0);
    SETTERS.H(p.view, fields.backend[0], this.backend & ~(constants.BACKEND_WHOLE_WINDOW | constants.BACKEND_PREFIX | constants.BACKEND_CACHED));
    return p;
  }
}

const FlowRecord = recordOf('flow');
const TAKEN = native.layout.flow.fields.taken[0];

class Flow extends FlowRecord {
  // Slots of an array, so never more than a Number holds.
  get taken() {
    return this.view.getUint32(TAKEN, true) + this.view.getUint32(TAKEN + 4, true) * 2 ** 32;
  }
}

const Output = recordOf('output');
const Member = recordOf('member');
const ScorerInfo = recordOf('scorer_info');
const DetailsRecord = recordOf('details');
const Head = recordOf('event');

// ---- events ----

const HEAD = native.layout.event.fields;

class Events {
  constructor(slots) {
    this.slots = slots;
    this.bytes = new Uint8Array(new SharedArrayBuffer(slots * SLOT_BYTES));
    this.view = new DataView(this.bytes.buffer);
  }

  static of(bytes) {
    if (bytes.byteLength % SLOT_BYTES !== 0) throw new RangeError(`${bytes.byteLength} bytes are no whole slots of ${SLOT_BYTES}`);
    const events = new Events(bytes.byteLength / SLOT_BYTES);
    events.bytes.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return events;
  }

  static read(file) {
    return Events.of(fs.readFileSync(file));
  }

  slotsAt(slot) {
    return this.view.getUint16(slot * SLOT_BYTES + HEAD.slots[0], true);
  }

  knownNsAt(slot) {
    return this.view.getBigInt64(slot * SLOT_BYTES + HEAD.known_ns[0], true);
  }

  headAt(slot) {
    return new Head(new DataView(this.view.buffer, slot * SLOT_BYTES, Head.BYTES));
  }

  put(slot, kind, fields) {
    const record = native.layout[kind];
    const number = constants[`KIND_${kind.toUpperCase()}`];
    if (record === undefined || number === undefined) throw new RangeError(`no event is of kind ${kind}`);
    const { slots = record.bytes / SLOT_BYTES, ...values } = fields;
    if (slots * SLOT_BYTES > record.bytes || slot + slots > this.slots) throw new RangeError(`a ${kind} of ${slots} slots does not fit at slot ${slot} of ${this.slots}`);
    const start = slot * SLOT_BYTES;
    this.bytes.fill(0, start, start + slots * SLOT_BYTES);
    SETTERS.H(this.view, start + HEAD.slots[0], slots);
    SETTERS.C(this.view, start + HEAD.kind[0], number);
    for (const [name, value] of Object.entries(values)) this.#set(start, slots * SLOT_BYTES, HEAD[name] || record.fields[name], name, value);
    return slot + slots;
  }

  #set(start, bytes, field, name, value) {
    if (field === undefined) throw new RangeError(`the event has no field ${name}`);
    const [at, type, room] = field;
    const [each, size] = ARRAYS[type] || [type, room];
    const all = type in ARRAYS ? value : [value];
    if (!(each in SETTERS) || all.length * size > room || at + all.length * size > bytes) throw new RangeError(`${name} has no room for that`);
    all.forEach((one, i) => SETTERS[each](this.view, start + at + i * size, one));
  }
}

// ---- handles ----

class Handle {
  #close;
  #open = true;
  constructor(id, close) {
    this.id = id;
    this.#close = close;
  }
  get index() {
    return Number(this.id & 0xffffffn);
  }
  close() {
    if (!this.#open) return;
    try {
      this.#close(this.id);
    } catch (error) {
      // Its engine was closed before: what was opened from it is closed.
      if (error.code !== 'INVALID_HANDLE') throw error;
    }
    this.#open = false;
  }
}

if (Symbol.dispose) Handle.prototype[Symbol.dispose] = Handle.prototype.close;

// Result memory that the library may still write, by engine: it stays though nobody else has it any more.
const attached = new Map();

class Engine extends Handle {
  constructor(options = '') {
    super(native.engineOpen(options), native.engineClose);
    attached.set(this.id, new Map());
  }
  close() {
    super.close();
    attached.delete(this.id);
  }
  metrics() {
    return native.engineMetrics(this.id);
  }
  describe(parts) {
    return native.engineDescribe(this.id, parts);
  }
  maintain(budgetNs) {
    return native.engineMaintain(this.id, budgetNs) !== 0;
  }
  addStream(name, options = '') {
    return native.streamAdd(this.id, name, options);
  }
  async openBundle(folder) {
    return new Bundle(await native.bundleOpen(this.id, folder), native.bundleClose);
  }
  openBundleSync(folder) {
    return new Bundle(native.bundleOpenSync(this.id, folder), native.bundleClose);
  }
  publish(bundles, flags = 0) {
    const pairs = Object.entries(bundles);
    return native.slotPublish(this.id, pairs.map(([slot]) => slot), pairs.map(([, bundle]) => bundle.id), flags);
  }
  enable(slot, member, on) {
    native.slotEnable(this.id, slot, member, on ? 1 : 0);
  }
  openLane(options = '') {
    return new Lane(native.laneOpen(this.id, options), this.id);
  }
  openScorer(slot, model, flags = 0) {
    return new Scorer(native.scorerOpen(this.id, slot, model, flags));
  }
}

class Bundle extends Handle {
  describe() {
    return native.bundleDescribe(this.id);
  }
}

// The function that pushes events of one memory, made on its first use.
class Pusher {
  #events = null;
  #push = null;
  #bound = new WeakMap();
  #bind;

  constructor(bind) {
    this.#bind = bind;
  }

  of(events) {
    if (events !== this.#events) this.#use(events);
    return this.#push;
  }

  #use(events) {
    let push = this.#bound.get(events);
    if (push === undefined) {
      push = this.#bind(events.bytes);
      this.#bound.set(events, push);
    }
    [this.#events, this.#push] = [events, push];
  }
}

class Lane extends Handle {
  #engine;
  #pusher;
  #advance;
  #poll;
  #ids = new BigUint64Array(new SharedArrayBuffer(8 * 16));
  #due;

  constructor(id, engine) {
    super(id, native.laneClose);
    this.#engine = engine;
    this.flow = new Flow();
    this.#pusher = new Pusher((memory) => native.bindPush(id, memory, this.flow.bytes));
    this.#poll = native.bindPoll(id, this.flow.bytes, this.flow.bytes);
    this.#advance = native.bindAdvance(id, this.flow.bytes, this.flow.bytes);
    this.#due = native.bindDue(id, this.#ids, this.#ids);
  }

  push(events, from = 0, slots = events.slots - from) {
    this.#pusher.of(events)(from, slots);
    return this.flow;
  }

  advance(untilNs) {
    this.#advance(untilNs);
    return this.flow;
  }

  warm(events, from = 0, slots = events.slots - from) {
    native.bindWarm(this.id, events.bytes, this.flow.bytes)(from, slots);
    return this.flow;
  }

  snapshot() {
    let bytes = new Uint8Array(1 << 16);
    let count = native.laneSnapshot(this.id, bytes);
    while (count > bytes.length) {
      bytes = new Uint8Array(count);
      count = native.laneSnapshot(this.id, bytes);
    }
    return bytes.slice(0, count);
  }

  restore(snapshot) {
    native.laneRestore(this.id, snapshot);
  }

  poll(maxSlots = 0, nowNs = 0) {
    this.#poll(maxSlots, nowNs);
    return this.flow;
  }

  openLink(options = '') {
    return new Link(native.linkOpen(this.id, options));
  }

  due() {
    let count = this.#due();
    while (count > this.#ids.length) {
      this.#ids = new BigUint64Array(new SharedArrayBuffer(8 * count));
      this.#due = native.bindDue(this.id, this.#ids, this.#ids);
      count = this.#due();
    }
    return Array.from(this.#ids.subarray(0, count));
  }

  openTrack(slot, streams, flags = 0) {
    return new Track(native.trackOpen(this.id, slot, Uint32Array.from(streams), flags), this.#engine);
  }
}

class Link extends Handle {
  #pusher;

  constructor(id) {
    super(id, native.linkClose);
    this.flow = new Flow();
    this.#pusher = new Pusher((memory) => native.bindLinkPush(id, memory, this.flow.bytes));
  }

  push(events, from = 0, slots = events.slots - from) {
    this.#pusher.of(events)(from, slots, 0);
    return this.flow;
  }

  pushAll(events, from = 0, slots = events.slots - from) {
    this.#pusher.of(events)(from, slots, 1);
  }
}

class ResultMemory {
  #word;
  #out = new Prediction();
  #read;

  // Of a worker's: the same memory, by its `bytes`.
  constructor(bytes = resultBytes()) {
    this.bytes = bytes;
    this.#word = new BigUint64Array(bytes.buffer, bytes.byteOffset, 1);
    this.#read = native.bindResultRead(0n, bytes, this.#out.bytes);
  }

  signal() {
    return Atomics.load(this.#word, 0);
  }

  read() {
    this.#read();
    return this.#out;
  }
}

// Two cache lines, no third.
function resultBytes() {
  const room = new Uint8Array(new SharedArrayBuffer(Prediction.BYTES + 64));
  return room.subarray(native.alignedAt(room, 64)).subarray(0, Prediction.BYTES);
}

// Memory for so many records in one array.
function recordsRoom(Record, count) {
  return new Uint8Array(new SharedArrayBuffer(Math.max(count, 1) * Record.BYTES));
}

function recordsIn(Record, room, count) {
  return Array.from({ length: count }, (_, at) => new Record(new DataView(room.buffer, at * Record.BYTES, Record.BYTES)));
}

class Track extends Handle {
  #engine;
  #predict;
  #row = new Float64Array(new SharedArrayBuffer(8 * 64));
  #predictRow;

  constructor(id, engine) {
    super(id, native.trackClose);
    this.#engine = engine;
    this.prediction = new Prediction();
    this.#predict = native.bindPredict(id, this.prediction.bytes, this.prediction.bytes);
    this.#predictRow = native.bindPredictRow(id, this.#row, this.prediction.bytes);
  }

  predict(nowNs = 0) {
    this.#predict(nowNs);
    return this.prediction;
  }

  predictRow(row, nowNs = 0) {
    if (row.length > this.#row.length) {
      this.#row = new Float64Array(new SharedArrayBuffer(8 * row.length));
      this.#predictRow = native.bindPredictRow(this.id, this.#row, this.prediction.bytes);
    }
    this.#row.set(row);
    this.#predictRow(row.length, nowNs);
    return this.prediction;
  }

  attach(memory = new ResultMemory()) {
    native.resultAttach(this.id, memory.bytes);
    attached.get(this.#engine).set(this.id, memory);
    return memory;
  }

  detach() {
    native.resultAttach(this.id, new Uint8Array(new SharedArrayBuffer(0)));
    attached.get(this.#engine).delete(this.id);
  }

  close() {
    super.close();
    attached.get(this.#engine)?.delete(this.id);
  }

  prepare() {
    native.trackPrepare(this.id);
  }

  enable(on) {
    native.trackEnable(this.id, on ? 1 : 0);
  }

  row(flags = 0) {
    const closeNs = new BigInt64Array(1);
    let values = new Float64Array(64);
    let count = native.trackRow(this.id, flags, values, closeNs);
    while (count > values.length) {
      values = new Float64Array(count);
      count = native.trackRow(this.id, flags, values, closeNs);
    }
    return { closeNs: closeNs[0], values: values.slice(0, count) };
  }

  details() {
    const record = new DetailsRecord();
    let [outputs, members, missing] = [recordsRoom(Output, 8), recordsRoom(Member, 32), new BigUint64Array(4)];
    while (native.trackDetails(this.id, record.bytes, outputs, members, missing) === 0) {
      const lengths = [record.outputs_len, record.members_len, record.missing_len].map(Number);
      [outputs, members, missing] = [recordsRoom(Output, lengths[0]), recordsRoom(Member, lengths[1]), new BigUint64Array(lengths[2])];
    }
    return {
      record,
      outputs: recordsIn(Output, outputs, Number(record.outputs_len)),
      members: recordsIn(Member, members, Number(record.members_len)),
      missing: missing.slice(0, Number(record.missing_len)),
    };
  }
}

class Scorer extends Handle {
  constructor(id) {
    super(id, native.scorerClose);
    this.info = new ScorerInfo();
    native.scorerInfo(id, this.info.bytes);
  }

  run(rows, stride = 0) {
    return this.#score(native.scorerRun, rows, this.info.features * this.info.window, stride);
  }

  next(rows, stride = 0) {
    return this.#score(native.scorerNext, rows, this.info.features, stride);
  }

  #score(score, rows, values, stride) {
    const Kind = this.info.flags & constants.SCORER_RAW ? Float64Array : Float32Array;
    if (!(rows instanceof Kind)) throw new TypeError(`rows are a ${Kind.name}`);
    const width = values * Kind.BYTES_PER_ELEMENT;
    const step = stride || width;
    const count = rows.length === 0 ? 0 : (rows.byteLength - width) / step + 1;
    if (!Number.isInteger(count) || count < 0) throw new RangeError(`${rows.byteLength} bytes are no whole rows of ${width} every ${step}`);
    const out = new Float32Array(count * this.info.outputs);
    score(this.id, rows, count, stride, out);
    return out;
  }

  prepare() {
    native.scorerPrepare(this.id);
  }
}

module.exports = {
  Engine,
  Bundle,
  Lane,
  Link,
  Track,
  ResultMemory,
  Scorer,
  Events,
  Prediction,
  Flow,
  Output,
  Member,
  ScorerInfo,
  DetailsRecord,
  constants,
  reasons,
  buildInfo: native.buildInfo,
  nowNs: native.nowNs,
  statusName: native.statusName,
  amountParse: native.amountParse,
  amountFromBytes: native.amountFromBytes,
  amountToF64: native.amountToF64,
  bookSlots: (rows) => Math.ceil((48 + 32 * Math.max(rows, 1)) / SLOT_BYTES),
  deltaSlots: (changes) => Math.ceil((56 + 16 * changes) / SLOT_BYTES),
};
