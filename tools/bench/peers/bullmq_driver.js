// BullMQ on Redis:  node bullmq_driver.js worker|client PORT
//
// The commands and answers are those of driver.hpp. Answers come by QueueEvents, one reader for all; jobs are
// added one by one, or, in a flood, half a window at once.
'use strict';
const readline = require('readline');
const { createRequire } = require('module');
const { Queue, QueueEvents, Worker } = createRequire(process.env.PEER_MODULES)('bullmq');

const connection = { host: '127.0.0.1', port: Number(process.argv[3]), maxRetriesPerRequest: null };
const options = { removeOnComplete: true };
const payloadBytes = 100;

class Load {
  constructor() {
    this.queue = new Queue('peer', { connection });
    this.events = new QueueEvents('peer', { connection });
    this.waiting = new Map(); // job id -> what to call with its answer
    this.number = 0;
    this.events.on('completed', ({ jobId, returnvalue }) => this.ended(jobId, returnvalue));
    this.events.on('failed', ({ failedReason }) => { throw new Error(failedReason); });
  }

  ended(id, answer) {
    const then = this.waiting.get(id);
    if (!then) return;
    this.waiting.delete(id);
    then(answer);
  }

  /// Sends `count` tasks; the promise is kept when all of them have been answered.
  submit(count) {
    return new Promise((resolve, reject) => {
      let left = count;
      const jobs = [];
      for (let i = 0; i < count; ++i) {
        const number = this.number++;
        const payload = `${number} `.padEnd(payloadBytes, 'x');
        const jobId = `n${number}`;
        this.waiting.set(jobId, (answer) => {
          if (answer !== payload) reject(new Error('an answer is not what was sent'));
          if (--left === 0) resolve(count);
        });
        jobs.push({ name: 'echo', data: { payload }, opts: { ...options, jobId } });
      }
      const sent = count === 1 ? this.queue.add('echo', jobs[0].data, jobs[0].opts) : this.queue.addBulk(jobs);
      sent.catch(reject);
    });
  }

  async lone(milliseconds) {
    const samples = [];
    const end = performance.now() + milliseconds;
    while (samples.length === 0 || performance.now() < end) {
      const start = performance.now();
      await this.submit(1);
      samples.push((performance.now() - start) * 1000);
    }
    samples.sort((a, b) => a - b);
    const percentile = (share) => samples[Math.max(1, Math.ceil(share * samples.length)) - 1];
    return { p50_us: percentile(0.5), p99_us: percentile(0.99) };
  }

  async flood(window, milliseconds) {
    const half = Math.max(1, Math.floor(window / 2));
    const underWay = [];
    let answered = 0;
    const start = performance.now();
    for (;;) {
      while (performance.now() < start + milliseconds && underWay.length * half < window) {
        underWay.push(this.submit(half));
      }
      if (underWay.length === 0) return { per_s: (answered * 1000) / (performance.now() - start) };
      answered += await underWay.shift();
    }
  }
}

async function load() {
  const peer = new Load();
  await peer.events.waitUntilReady();
  await peer.lone(0);
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...numbers] = line.split(' ');
    const answer = command === 'lone' ? await peer.lone(Number(numbers[0]))
      : await peer.flood(Number(numbers[0]), Number(numbers[1]));
    console.log(JSON.stringify(answer));
  }
  process.exit(0);
}

if (process.argv[2] === 'worker') {
  new Worker('peer', async (job) => job.data.payload, { connection, concurrency: 1 });
} else {
  load().catch((error) => { console.error(error); process.exit(1); });
}
