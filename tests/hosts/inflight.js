// An engine is closed, or Node ends, while a thread of libuv's pool is inside a run.
// Arguments: the addon, a bundle's folder, how, and how many microseconds the run may go on before.
'use strict';

const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function untilInside(addon) {
  while (!addon.inside()) await sleep(0);
}

const hows = {
  // closed while the pool is inside; the promise resolves, and Node ends by itself
  async closed(addon) {
    const answer = addon.predict();
    await untilInside(addon);
    await wait();
    addon.close();
    await answer;
  },
  // process.exit waits for the pool, and whoever closes in an exit listener need not wait long
  async exit(addon) {
    process.on('exit', () => addon.close());
    addon.predict();
    await untilInside(addon);
    await wait();
    process.exit(0);
  },
  // without a close Node waits for the run: its deadline is short here
  async abandoned(addon) {
    addon.predict();
    await untilInside(addon);
    await wait();
    process.exit(0);
  },
  // a worker asks, the main thread closes
  async worker(addon) {
    const worker = new Worker(__filename, { workerData: process.argv.slice(2) });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await untilInside(addon);
    await wait();
    addon.close();
    if ((await ended) !== 0) process.exit(1);
  },
  // a worker is ended while its run goes on: it waits for the run, whose deadline is short here
  async terminated(addon) {
    const worker = new Worker(__filename, { workerData: process.argv.slice(2) });
    await untilInside(addon);
    await wait();
    await worker.terminate();
    addon.close();
  },
};

const [file, folder, how, us] = isMainThread ? process.argv.slice(2) : workerData;
const wait = () => sleep(Number(us) / 1000);
const addon = require(file);

if (isMainThread) {
  addon.open(folder);
  hows[how](addon);
} else {
  addon.predict().then(() => parentPort.close());
}
