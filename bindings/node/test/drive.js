// Drives a recording of `foretick demo --record` to its end.
'use strict';

const fs = require('fs');
const path = require('path');
const { Engine, Events, constants } = require('..');

const ACTIONS = Object.entries(constants).filter(([name]) => name.startsWith('ACTION_'));
const NAMES = new Map(ACTIONS.map(([name, number]) => [number, name.slice('ACTION_'.length)]));

// What a run decided.
class Decided {
  events = 0;
  predictions = 0;
  digest = 0xcbf29ce484222325n;
  actions = {};

  take(prediction) {
    for (const word of new BigUint64Array(prediction.comparable().bytes.slice().buffer)) {
      this.digest = BigInt.asUintN(64, (this.digest ^ word) * 0x100000001b3n);
      this.digest ^= this.digest >> 32n;
    }
    this.predictions += 1;
    const name = NAMES.get(prediction.action);
    this.actions[name] = (this.actions[name] || 0) + 1;
  }

  toJSON() {
    return { events: this.events, predictions: this.predictions, digest: this.digest.toString(16).padStart(16, '0'), ...this.actions };
  }
}

exports.drive = function drive(file, models) {
  const table = JSON.parse(fs.readFileSync(`${file}.streams.json`, 'utf8'));
  const [events, decided, engine] = [Events.read(file), new Decided(), new Engine('clock = "host"\nthreads = 0\n')];
  if (events.slots !== table.slots) throw new Error(`${file} has another length than its table says`);

  // Publishes what the table wants published here; where it next wants that, or the end.
  const publish = (at) => {
    for (const item of table.published.filter((item) => item.at_slot === at)) {
      engine.publish({ [item.slot]: engine.openBundleSync(path.join(models, item.bundle)) });
    }
    return Math.min(events.slots, ...table.published.map((item) => item.at_slot).filter((slot) => slot > at));
  };

  let end = publish(0);
  for (const { id, name, options } of table.streams) {
    if (engine.addStream(name, options) !== id) throw new Error('another stream id');
  }
  const lane = engine.openLane();
  const tracks = table.tracks.map((track) => lane.openTrack(track.slot, track.streams, track.flags));
  for (let at = 0; at < events.slots; ) {
    const flow = lane.push(events, at, end - at);
    const taken = at + flow.taken;
    let last = at;
    for (; at < taken; at += events.slotsAt(at)) {
      decided.events += 1;
      last = at;
    }
    if (flow.closed > 0) {
      const due = new Set(lane.due());
      tracks.filter((track) => due.has(track.id)).forEach((track) => decided.take(track.predict(events.knownNsAt(last))));
    }
    if (at === end) end = publish(at);
  }
  engine.close();
  return decided;
};
