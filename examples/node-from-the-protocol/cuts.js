// A command: follows scripted jobs through a proxy that keeps cutting the connections, and checks what arrives.
// @ts-check

import assert from 'node:assert/strict';
import process from 'node:process';

import { Client } from './client.js';
import { Fold } from './fold.js';
import { Proxy, seeded } from './proxy.js';
import { JobState } from './wire.js';

const HEARTBEAT_MS = 1_000; // The shortest there is: a connection that goes silent costs two of them.
const SILENT = 0.03; // The share of cuts that leave a connection standing and silent.
const EARLY = 0.2; // The share that come before the first message: within the preface, the settings, the headers.
/** Bytes after which a cut comes: an early one, another one. What a whole job says at once is about 11 kB. */
const EARLY_BYTES = [40, 600];
const BYTES = [600, 24_000];
/** A user's client waits up to 10 s; here 200 cuts are to fit into half a minute. */
const PATIENCE = { firstMs: 100, maxMs: 1_000, giveUpMs: 60_000 };
const MOST_ROUNDS = 40;
const LONGEST_MS = 120_000;
const FINAL = ['jobCompleted', 'jobFailed', 'jobCancelled'];

const [target, ...numbers] = process.argv.slice(2);
const [jobs, cuts, seed] = numbers.map(Number);
if (!target || ![jobs, cuts, seed].every(Number.isInteger) || jobs < 1) {
  console.error('usage: node cuts.js HOST:PORT JOBS CUTS SEED');
  process.exit(2);
}

const extra = { tokens: 300, rate: 200, rich: true, pattern: 'count' };
const request = { producer: 'scripted', prompt: 'Count.', parameters: { extraJson: JSON.stringify(extra) } };
const direct = new Client(target);
const made = { reset: 0, end: 0, hang: 0 };
const sum = { jobs: 0, cuts: 0, events: 0, gaps: 0, repeats: 0, reconnects: 0, wrong: 0 };

/** Starts one job and reads it to its end. @param {number} number */
async function read(number) {
  const random = seeded(seed * 1_000_003 + number);
  const proxy = new Proxy(
    target,
    () => {
      const [fewest, most] = random() < EARLY ? EARLY_BYTES : BYTES;
      const after = Math.floor(fewest * (most / fewest) ** random()); // As many from 1 kB to 2 kB as from 10 to 20.
      return { after, way: random() < SILENT ? 'hang' : random() < 0.5 ? 'reset' : 'end' };
    },
    (way) => {
      if (sum.cuts >= cuts) return false;
      sum.cuts++;
      made[way]++;
      return true;
    },
  );
  const client = new Client(await proxy.listen(), { heartbeatMs: HEARTBEAT_MS, patience: PATIENCE });
  try {
    const job = await direct.start(request);
    sum.jobs++;
    const stream = client.stream(job.id);
    const fold = new Fold();
    let last;
    for await (const item of stream) {
      // Nothing is ever trimmed or lost here: a snapshot that nobody asked for hides events, which is a gap.
      assert('event' in item, `job ${job.id}: a snapshot at ${stream.cursor.offset}`);
      last = item.event;
      sum.events++;
      if (last.offset > fold.offset + 1) sum.gaps++;
      if (last.offset <= fold.offset) sum.repeats++;
      fold.apply(last);
    }
    // What the stream put right on the way counts as well: the service never sends it.
    sum.gaps += stream.gaps;
    sum.repeats += stream.repeats;
    sum.reconnects += stream.reconnects;
    const state = await direct.state(job.id);
    assert(FINAL.includes(last?.payload), `job ${job.id}: the last event is ${last?.payload}`);
    assert.equal(last.offset, state.offset, `job ${job.id}: last offset`);
    assert.equal(stream.cursor.epoch, state.job.epoch, `job ${job.id}: epoch`);
    assert.deepEqual(normalised(fold.state()), normalised(state), `job ${job.id}: the fold is not GetJobState's`);
  } catch (error) {
    sum.wrong++;
    console.error(/** @type {Error} */ (error).message);
  } finally {
    client.close();
    proxy.close();
  }
}

/** As bytes say it, and without the epoch, which is the cursor's and not the events'. @param {any} state */
const normalised = (state) => JobState.decode(JobState.encode({ ...state, job: { ...state.job, epoch: '' } }));

setTimeout(() => {
  console.error(`not done after ${LONGEST_MS} ms`);
  process.exit(1);
}, LONGEST_MS).unref();

/** One job after the other, until there were cuts enough. @param {number} reader */
async function readOn(reader) {
  for (let round = 0; round < MOST_ROUNDS && (round === 0 || sum.cuts < cuts) && !sum.wrong; round++) {
    await read(round * jobs + reader);
  }
}

await Promise.all(Array.from({ length: jobs }, (_, i) => readOn(i)));
direct.close();

const ok = !sum.wrong && !sum.gaps && !sum.repeats && sum.cuts >= cuts;
console.error(`reset=${made.reset} end=${made.end} hang=${made.hang} reconnects=${sum.reconnects}`);
console.log(`jobs=${sum.jobs} cuts=${sum.cuts} events=${sum.events} gaps=${sum.gaps} repeats=${sum.repeats}`);
process.exitCode = ok ? 0 : 1;
