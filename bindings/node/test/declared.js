// index.d.ts declares what index.js has, and nothing else.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const foretick = require('..');

const source = fs.readFileSync(path.join(__dirname, '../index.d.ts'), 'utf8').replace(/\/\*[^]*?\*\//g, '');
const classes = [...source.matchAll(/^(?:export|declare) class (\w+)(?: extends (\w+))? \{([^]*?)^\}/gm)];
const declared = new Map(classes.map(([, name, base, body]) => [name, { base, members: membersOf(body) }]));

// `readonly closed: number;`, `close(): void;`, `static of(...): Events;`; constructors and members of a member's type aside.
function membersOf(body) {
  const found = [...body.matchAll(/^ {2}(?:readonly |static |private )*(\w+)[(:]/gm)].map(([, name]) => name);
  return found.filter((name) => name !== 'constructor');
}

function declaredOf(name) {
  const known = declared.get(name);
  return known ? [...known.members, ...declaredOf(known.base)] : [];
}

// What an object of a class has: its own fields are known only when there is one.
function found(Class, object) {
  const names = new Set(object ? Object.keys(object) : []);
  for (let proto = Class.prototype; proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    Object.getOwnPropertyNames(proto).forEach((name) => names.add(name));
  }
  Object.getOwnPropertyNames(Class).filter((name) => typeof Class[name] === 'function').forEach((name) => names.add(name));
  names.delete('constructor');
  return [...names].sort();
}

const engine = new foretick.Engine('clock = "host"\nthreads = 0\n');
const folder = process.argv[2];
engine.publish({ s: engine.openBundleSync(folder) });
const lane = engine.openLane();
const track = lane.openTrack('s', [engine.addStream('test:A')]);
const objects = { Engine: engine, Lane: lane, Link: lane.openLink(), Track: track, ResultMemory: track.attach(), Bundle: engine.openBundleSync(folder), Scorer: engine.openScorer('s', 'lr'), Events: new foretick.Events(1) };
const records = ['Prediction', 'Flow', 'Output', 'Member', 'DetailsRecord', 'ScorerInfo'];

for (const name of [...Object.keys(objects), ...records]) {
  const object = objects[name] || new foretick[name]();
  assert.deepStrictEqual([...new Set(declaredOf(name))].sort(), found(foretick[name], object), name);
}
const exported = [...source.matchAll(/^export (?:class|const|function) (\w+)/gm)].map(([, name]) => name);
// Handle is a type only: what the five nouns have in common.
assert.deepStrictEqual(exported.filter((name) => name !== 'Handle').sort(), Object.keys(foretick).sort());
engine.close();
