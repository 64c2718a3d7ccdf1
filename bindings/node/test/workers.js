// Workers that open engines of their own, end by themselves or are ended, while others go on. Arguments: the recording, models/sim, rounds.
'use strict';

const assert = require('assert');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

if (!isMainThread) {
  const { drive } = require('./drive.js');
  const { Engine } = require('..');
  const { file, models, how } = workerData;
  parentPort.postMessage('ready');
  if (how === 'end') parentPort.postMessage(drive(file, models).toJSON());
  else if (how === 'exit') {
    new Engine('threads = 1\n').openLane();
    process.exit(0);
  } else if (how === 'pool') new Engine('threads = 1\n').openBundle(`${models}/v2`).catch(() => {});
  else for (;;) drive(file, models);
} else main();

async function main() {
  const { drive } = require('./drive.js');
  const [file, models, rounds] = process.argv.slice(2);
  const wanted = drive(file, models).toJSON();
  for (let round = 0; round < rounds; round++) {
    const ended = ['loop', 'exit', 'pool', 'loop'].map(async (how, at) => {
      const worker = new Worker(__filename, { workerData: { file, models, how } });
      const exit = new Promise((resolve) => worker.once('exit', resolve));
      await new Promise((resolve) => worker.once('message', resolve));
      await new Promise((resolve) => setTimeout(resolve, 7 * at + round));
      if (how === 'loop') await worker.terminate();
      assert.ok([0, 1].includes(await exit));
    });
    await Promise.all(ended);
  }
  const worker = new Worker(__filename, { workerData: { file, models, how: 'end' } });
  const answers = [];
  worker.on('message', (answer) => answers.push(answer));
  await new Promise((resolve) => worker.once('exit', resolve));
  assert.deepStrictEqual(answers, ['ready', wanted]);
}
