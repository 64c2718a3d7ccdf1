// Runs the cases of tests/vectors/calls. Arguments: their folder, the repository.
'use strict';

const fs = require('fs');
const path = require('path');
const foretick = require('..');

const plain = (word) => (word === '-' ? '' : decodeURIComponent(word));
const raw = (word) => Uint8Array.from(Buffer.from(word === '-' ? '' : word, 'hex'));
const digits = (bytes) => Buffer.from(bytes).toString('hex') || '-';
const bytesOf = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const double = (value) => digits(bytesOf(Float64Array.of(value)));
const limbs = (units) => digits(bytesOf(BigUint64Array.from([0n, 64n, 128n, 192n], (shift) => BigInt.asUintN(64, units >> shift))));
const flow = (made) => [made.closed, made.taken, made.reasons, made.skipped, made.conflated, made.predicted, made.waiting];

// What a case has opened, by its names.
class Calls {
  constructor(folder, root) {
    [this.folder, this.root, this.named, this.results] = [folder, root, new Map(), new Map()];
  }

  answer(call) {
    const [verb, ...words] = call.split(' ');
    if (verb === 'events') {
      this.events = foretick.Events.read(path.join(this.folder, words[0]));
      return '';
    }
    try {
      return ['OK', ...(this[verb](...words) || [])].join(' ');
    } catch (error) {
      if (error.status === undefined || error.message.length <= error.code.length + 2) throw error;
      return error.code;
    }
  }

  at(name) {
    return this.named.get(name);
  }

  close() {
    this.case.close();
  }

  engine(options) {
    this.case = new foretick.Engine(plain(options));
  }
  bundle(name, folder) {
    this.named.set(name, this.case.openBundleSync(path.join(this.root, plain(folder))));
  }
  publish(...words) {
    const pairs = words.flatMap((word, at) => (at % 2 ? [] : [[plain(word), this.at(words[at + 1])]]));
    return this.case.publish(Object.fromEntries(pairs));
  }
  stream(name, options) {
    return [this.case.addStream(plain(name), plain(options))];
  }
  lane(name, options) {
    this.named.set(name, this.case.openLane(plain(options)));
  }
  track(name, lane, slot, flags, ...streams) {
    const track = this.at(lane).openTrack(plain(slot), streams.map(Number), Number(flags));
    this.named.set(name, track);
    return [track.index];
  }
  slots(events) {
    return events.startsWith('@') ? [this.events, ...events.slice(1).split('+').map(Number)] : [foretick.Events.of(raw(events))];
  }
  push(lane, events) {
    return flow(this.at(lane).push(...this.slots(events)));
  }
  amount_parse(text, decimals) {
    return [limbs(foretick.amountParse(plain(text), Number(decimals)))];
  }
  amount_bytes(bytes) {
    return [limbs(foretick.amountFromBytes(raw(bytes)))];
  }
  amount_f64(words, decimals) {
    const units = new BigUint64Array(raw(words).buffer).reduceRight((all, word) => (all << 64n) | word, 0n);
    return [double(foretick.amountToF64(units, Number(decimals)))];
  }
  warm(lane, events) {
    return flow(this.at(lane).warm(...this.slots(events)));
  }
  snapshot(lane, name) {
    this.results.set(name, this.at(lane).snapshot());
  }
  restore(lane, name) {
    this.at(lane).restore(this.results.get(name));
  }
  restore_bytes(lane, bytes) {
    this.at(lane).restore(raw(bytes));
  }
  link(name, lane, options) {
    this.named.set(name, this.at(lane).openLink(plain(options)));
  }
  link_push(link, events) {
    return flow(this.at(link).push(...this.slots(events)));
  }
  link_all(link, events) {
    this.at(link).pushAll(...this.slots(events));
  }
  poll(lane, slots, nowNs) {
    return flow(this.at(lane).poll(Number(slots), BigInt(nowNs)));
  }
  attach(track) {
    this.results.set(track, this.at(track).attach());
  }
  result(track) {
    const memory = this.results.get(track);
    const found = memory.read();
    if (memory.signal() !== found.signal) throw new Error('a signal of another prediction');
    return [digits(found.comparable().bytes)];
  }
  maintain(budgetNs) {
    return [this.case.maintain(BigInt(budgetNs)) ? 1 : 0];
  }
  advance(lane, untilNs) {
    return flow(this.at(lane).advance(BigInt(untilNs)));
  }
  due(lane) {
    const numbers = this.at(lane).due().map((track) => Number(track & 0xffffffn));
    return numbers.sort((a, b) => a - b);
  }
  predict(track, nowNs) {
    return [digits(this.at(track).predict(BigInt(nowNs)).comparable().bytes)];
  }
  predict_row(track, nowNs, row) {
    return [digits(this.at(track).predictRow(new Float64Array(raw(row).buffer), BigInt(nowNs)).comparable().bytes)];
  }
  row(track, flags) {
    const row = this.at(track).row(Number(flags));
    return [row.closeNs, digits(bytesOf(row.values))];
  }
  details(track) {
    const { record, outputs, members, missing } = this.at(track).details();
    const hash = digits(bytesOf(BigUint64Array.of(record.feature_hash)));
    return [
      ...[record.id_counter, record.features, record.rows, hash, double(record.phase_confidence), double(record.expected_net), digits(bytesOf(missing))],
      ...outputs.map((o) => ['o', o.name, o.output, o.task, o.horizon, ...[o.value, o.raw, o.lower, o.upper].map(double)].join(':')),
      ...members.map((m) => ['m', m.name, m.member, m.output, m.backend, foretick.statusName(m.status), double(m.value), double(m.weight)].join(':')),
    ];
  }
  slot_enable(slot, member, on) {
    this.case.enable(plain(slot), plain(member), on === '1');
  }
  prepare(track) {
    this.at(track).prepare();
  }
  prepare_scorer(scorer) {
    this.at(scorer).prepare();
  }
  track_enable(track, on) {
    this.at(track).enable(on === '1');
  }
  scorer(name, slot, model, flags) {
    const scorer = this.case.openScorer(plain(slot), plain(model), Number(flags));
    this.named.set(name, scorer);
    const { features, window, outputs, generation, backend } = scorer.info;
    return [features, window, outputs, generation, backend, scorer.info.flags];
  }
  score(name, rows, stride, values) {
    return this.scored('run', name, rows, stride, values);
  }
  score_next(name, rows, stride, values) {
    return this.scored('next', name, rows, stride, values);
  }
  scored(how, name, rows, stride, values) {
    const scorer = this.at(name);
    const Kind = scorer.info.flags ? Float64Array : Float32Array;
    const out = scorer[how](new Kind(raw(values).buffer), Number(stride));
    if (out.length !== rows * scorer.info.outputs) throw new Error(`${out.length} values`);
    return [digits(bytesOf(out))];
  }
}

// Runs one case; how many calls and bytes were compared.
function run(file, root) {
  const calls = new Calls(path.dirname(file), root);
  const counts = { calls: 0, bytes: 0 };
  fs.readFileSync(file, 'utf8').split('\n').forEach((line, at) => {
    if (line === '' || line.startsWith('#')) return;
    const [call, wanted = ''] = line.split(' -> ');
    const answer = calls.answer(call);
    if (answer !== wanted) throw new Error(`${file}:${at + 1}: ${answer}\nwanted ${wanted}`);
    counts.calls += 1;
    counts.bytes += wanted.length;
  });
  calls.close();
  return counts;
}

const [folder, root] = process.argv.slice(2);
const files = fs.readdirSync(folder).filter((name) => name.endsWith('.case')).map((name) => path.join(folder, name));
const counts = files.map((file) => run(file, root));
const sum = (what) => counts.reduce((all, one) => all + one[what], 0);
console.log(JSON.stringify({ cases: files.length, calls: sum('calls'), bytes: sum('bytes') }));
