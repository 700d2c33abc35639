// A command: prints the text of a job's answer as it comes.
// @ts-check

import process from 'node:process';

import { Client } from './client.js';
import { Fold } from './fold.js';

const [target, jobId] = process.argv.slice(2);
if (!target || !jobId) {
  console.error('usage: node follow.js HOST:PORT JOB_ID');
  process.exit(2);
}

const client = new Client(target);
const stream = client.stream(jobId);
let fold = new Fold();
try {
  for await (const item of stream) {
    if ('snapshot' in item) fold = new Fold(item.snapshot);
    else fold.apply(item.event);
    if ('event' in item && item.event.payload === 'textDelta') {
      process.stdout.write(item.event.textDelta.text);
    } else if ('snapshot' in item || item.event.payload === 'partReplaced' || item.event.jobResumed?.restarted) {
      // What stands on the screen is void, and a stream of text cannot take it back: say so, and print what holds.
      process.stderr.write('\n[from the beginning]\n');
      process.stdout.write(fold.text());
    } else if (item.event.payload === 'partStarted') {
      process.stdout.write(item.event.partStarted.part?.text?.text ?? '');
    }
  }
  const { job } = fold.state();
  const words = /** @type {Record<number, string>} */ ({ 3: 'completed', 4: 'failed', 5: 'cancelled' });
  const end = job.error ? `${job.error.reason}: ${job.error.message}` : words[job.status];
  process.stderr.write(`\n[${end}; offset ${stream.cursor.offset}, ${stream.reconnects} reconnects]\n`);
} catch (error) {
  process.stderr.write(`\n${/** @type {Error} */ (error).message}\n`);
  process.exitCode = 1;
} finally {
  client.close();
}
