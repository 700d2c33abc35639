// The client against a service that does on purpose what the real one does seldom.
// @ts-check

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import grpc from '@grpc/grpc-js';

import { CatchUp, Client } from '../client.js';
import { CallError, Failures } from '../retry.js';
import { ErrorInfo, JobService, RetryInfo, Status } from '../wire.js';

const { status } = grpc;
const FAST = { firstMs: 1, maxMs: 4, giveUpMs: 5_000 };

/** @typedef {(call: any, request: any) => void} Script one call of StreamJob */

/**
 * Serves the scripts, one a call, and follows a job there.
 * @param {Script[]} scripts
 * @param {{from?: any, options?: any, dwellMs?: number}} [how] `dwellMs`: how long the reader takes with each item
 */
async function follow(scripts, { from, options, dwellMs } = {}) {
  /** @type {any[]} */
  const requests = [];
  /** @type {Set<string>} */
  const peers = new Set();
  const server = new grpc.Server();
  server.addService(JobService.service, {
    /** @param {any} call */
    streamJob(call) {
      requests.push(call.request);
      peers.add(call.getPeer());
      const script = scripts[requests.length - 1];
      if (script) script(call, call.request);
      else call.emit('error', { code: status.UNIMPLEMENTED, details: 'no more scripts' });
    },
  });
  const port = await new Promise((resolve, reject) => {
    const done = (/** @type {any} */ error, /** @type {number} */ bound) => (error ? reject(error) : resolve(bound));
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), done);
  });
  const client = new Client(`127.0.0.1:${port}`, { patience: FAST, silenceMs: 2_000, ...options });
  const stream = client.stream('j', from);
  /** @type {any[]} */
  const items = [];
  /** @type {any} */
  let error;
  try {
    for await (const item of stream) {
      items.push('event' in item ? item.event.offset : { snapshot: item.snapshot });
      if (dwellMs) await sleep(dwellMs);
    }
  } catch (caught) {
    error = caught;
  }
  client.close();
  server.forceShutdown();
  return { items, error, stream, peers, asked: requests.map((r) => [r.epoch, r.afterOffset, r.catchUp]) };
}

/** @param {number} offset */
const text = (offset) => ({ offset, textDelta: { text: 'x' } });
/** @param {number} offset */
const final = (offset) => ({ offset, jobCompleted: {} });
/** A call that sends these and ends with OK. @param {any[]} messages @returns {Script} */
const says = (...messages) => (call) => {
  for (const message of messages) call.write(message);
  call.end();
};
/** A call that sends these and fails. @param {any} error @param {any[]} messages @returns {Script} */
const fails = (error, ...messages) => (call) => {
  const fail = () => call.emit('error', { details: 'on purpose', ...error });
  const last = messages.pop();
  for (const message of messages) call.write(message);
  // Not before the last one has left, or gRPC drops it.
  if (last) call.write(last, () => setImmediate(fail));
  else fail();
};
/** What the service puts into trailers. @param {string} reason @param {number} [retryMs] @param {string} [domain] */
function trailers(reason, retryMs, domain = 'streamsvc') {
  const info = ErrorInfo.encode({ reason, domain });
  const details = [{ type_url: 'type.googleapis.com/google.rpc.ErrorInfo', value: info }];
  if (retryMs !== undefined) {
    const value = RetryInfo.encode({ retryDelay: { seconds: 0, nanos: retryMs * 1e6 } });
    details.push({ type_url: 'type.googleapis.com/google.rpc.RetryInfo', value });
  }
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Status.encode({ details }));
  return metadata;
}
const head = { epoch: 'e1', lastOffset: 3, closed: true };
const rest = says(head, { events: [final(3)] });

test('a cut call goes on from its cursor, on another connection', async () => {
  const first = fails({ code: status.UNAVAILABLE }, { epoch: 'e1', lastOffset: 2 }, { events: [text(1), text(2)] });
  const { items, asked, peers, stream, error } = await follow([first, rest]);
  assert.equal(error, undefined);
  assert.deepEqual(items, [1, 2, 3]);
  assert.deepEqual(asked, [['', 0, CatchUp.REPLAY], ['e1', 2, CatchUp.REPLAY]]);
  assert.equal(peers.size, 2);
  assert.deepEqual([stream.cursor, stream.reconnects], [{ epoch: 'e1', offset: 3 }, 1]);
});

test('OK before the final event is a failure', async () => {
  const { items, asked } = await follow([says({ epoch: 'e1', lastOffset: 9 }, { events: [text(1), text(2)] }), rest]);
  assert.deepEqual(items, [1, 2, 3]);
  assert.equal(asked.length, 2);
});

test('what one call was told does not hold in the next', async () => {
  // The first one says that 2 is the final event, but the log has lost that since.
  const both = [text(1), text(2)];
  const first = fails({ code: status.UNAVAILABLE }, { epoch: 'e1', lastOffset: 2, closed: true }, { events: both });
  const { items, asked } = await follow([first, says({ epoch: 'e1' }), rest]);
  assert.deepEqual(items, [1, 2, 3]);
  assert.equal(asked.length, 3);
});

test('after the final event no ending is a failure', async () => {
  const only = fails({ code: status.UNAVAILABLE }, { ...head, lastOffset: 1 }, { events: [final(1)] });
  const { items, asked, error } = await follow([only]);
  assert.deepEqual([items, asked.length, error], [[1], 1, undefined]);
});

test('repeated events are skipped, a gap ends the call and nothing of its message is applied', async () => {
  const first = says({ epoch: 'e1' }, { events: [text(1)] }, { events: [text(1), text(2), text(4)] });
  const second = says({ epoch: 'e1' }, { events: [text(2), final(3)], ...head });
  const { items, asked, stream } = await follow([first, second]);
  assert.deepEqual(items, [1, 2, 3]);
  assert.deepEqual(asked[1], ['e1', 1, CatchUp.REPLAY]);
  assert.deepEqual([stream.repeats, stream.gaps], [1, 1]);
});

test('a new epoch counts from the message that names it', async () => {
  const first = fails({ code: status.UNAVAILABLE }, { epoch: 'e1' }, { events: [text(1), text(2)], epoch: 'e2' });
  const { asked } = await follow([first, rest]);
  assert.deepEqual(asked[1], ['e2', 2, CatchUp.REPLAY]);
});

test('a snapshot in slices counts when it is whole; a new call collects anew', async () => {
  const job = { status: 2 };
  /** @param {string} text */
  const slice = (text, more = true) => ({ snapshot: { parts: [{ text: { text } }] }, snapshotContinues: more });
  const begin = { snapshot: { job, offset: 7, parts: [{ text: { text: 'a' } }] }, snapshotContinues: true };
  const broken = fails({ code: status.UNAVAILABLE }, { lastOffset: 7 }, begin, slice('lost'));
  const last = { ...slice('c', false), epoch: 'e2' };
  const whole = fails({ code: status.UNAVAILABLE }, { lastOffset: 7 }, begin, {}, slice('b'), last);
  const end = says({ events: [final(8)], lastOffset: 8, closed: true });
  const { items, asked, stream } = await follow([broken, whole, end], { from: { catchUp: CatchUp.SNAPSHOT } });
  assert.equal(items[0].snapshot.parts[0].text.text, 'abc');
  assert.equal(items[1], 8);
  assert.deepEqual(asked, [['', 0, CatchUp.SNAPSHOT], ['', 0, CatchUp.SNAPSHOT], ['e2', 7, CatchUp.REPLAY]]);
  assert.deepEqual(stream.cursor, { epoch: 'e2', offset: 8 });
});

test('a cursor ahead of a closed log is put back by a snapshot', async () => {
  const only = says(
    { lastOffset: 3, closed: true },
    { snapshot: { job: { status: 4 }, offset: 3 }, epoch: 'e2' },
  );
  const { items, stream } = await follow([only], { from: { cursor: { epoch: 'e1', offset: 9 } } });
  assert.equal(items.length, 1);
  assert.deepEqual(stream.cursor, { epoch: 'e2', offset: 3 });
});

test('SKIP begins at the first epoch that is named, and asks to skip until then', async () => {
  const silent = fails({ code: status.UNAVAILABLE }, {});
  const first = fails({ code: status.UNAVAILABLE }, {}, { epoch: 'e1', lastOffset: 5 }, { events: [text(6)] });
  const end = says({ epoch: 'e1' }, { events: [final(7)], lastOffset: 7, closed: true });
  const { items, asked } = await follow([silent, first, end], { from: { catchUp: CatchUp.SKIP } });
  assert.deepEqual(items, [6, 7]);
  assert.deepEqual(asked, [['', 0, CatchUp.SKIP], ['', 0, CatchUp.SKIP], ['e1', 6, CatchUp.REPLAY]]);
});

test('silence ends a call', async () => {
  /** @type {Script} */
  const silent = (call) => call.write({ epoch: 'e1' });
  const from = { cursor: { epoch: 'e1', offset: 2 } };
  const { items, asked, peers } = await follow([silent, rest], { from, options: { silenceMs: 150 } });
  assert.deepEqual([items, asked.length, peers.size], [[3], 2, 2]);
});

test('the time that the reader takes is not silence', async () => {
  const only = says({ epoch: 'e1' }, { events: [text(1)] }, { events: [text(2), final(3)], ...head });
  const { items, stream } = await follow([only], { options: { silenceMs: 100 }, dwellMs: 150 });
  assert.deepEqual([items, stream.reconnects], [[1, 2, 3], 0]);
});

for (const code of [status.UNKNOWN, status.INTERNAL, status.CANCELLED, status.DEADLINE_EXCEEDED]) {
  test(`${status[code]} is final only as the service's own word`, async () => {
    const mesh = fails({ code, metadata: trailers('X', undefined, 'mesh') });
    const theirs = await follow([fails({ code }), mesh, says(head, { events: [text(1), text(2), final(3)] })]);
    assert.deepEqual(theirs.items, [1, 2, 3]);
    const ours = await follow([fails({ code, metadata: trailers('INTERNAL') })]);
    assert.equal(ours.error.reason, 'INTERNAL');
    assert.equal(ours.asked.length, 1);
  });
}

test('other codes are final, with the service\'s reason', async () => {
  const { error, asked } = await follow([fails({ code: status.NOT_FOUND, metadata: trailers('JOB_NOT_FOUND') })]);
  assert.ok(error instanceof CallError);
  assert.deepEqual([error.code, error.reason, asked.length], [status.NOT_FOUND, 'JOB_NOT_FOUND', 1]);
});

test('a message that is too large is tried twice', async () => {
  const large = says({ epoch: 'e1', events: [{ offset: 1, textDelta: { text: 'x'.repeat(17 << 20) } }] });
  const { error, asked } = await follow([large, large, rest]);
  assert.deepEqual([error.code, asked.length], [status.RESOURCE_EXHAUSTED, 2]);
});

test('overload is waited for as long as the service says', async () => {
  const busy = fails({ code: status.RESOURCE_EXHAUSTED, metadata: trailers('OVERLOADED', 200) });
  const began = performance.now();
  const { items } = await follow([busy, busy, says(head, { events: [text(1), text(2), final(3)] })]);
  assert.deepEqual(items, [1, 2, 3]);
  assert.ok(performance.now() - began >= 400);
});

test('it gives up when nothing answers', async () => {
  const client = new Client('127.0.0.1:1', { patience: { ...FAST, giveUpMs: 100 } });
  await assert.rejects(client.state('j'), { code: status.UNAVAILABLE });
  await assert.rejects(async () => {
    for await (const item of client.stream('j')) assert.fail(JSON.stringify(item));
  }, { code: status.UNAVAILABLE });
  client.close();
});

test('waits: none after progress, then full jitter up to the limit, then no more', () => {
  let now = 0;
  const failures = new Failures({ firstMs: 100, maxMs: 1_000, giveUpMs: 3_000 }, () => now, () => 1);
  const cut = new CallError(status.UNAVAILABLE, 'cut');
  failures.progress();
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => failures.next(cut)), [0, 100, 200, 400, 800, 1_000]);
  now = 2_000;
  failures.alive(); // A heartbeat: the service is there, so the time to give up begins anew.
  assert.equal(failures.next(cut), 1_000);
  now = 4_500;
  assert.throws(() => failures.next(cut), cut);
  failures.progress();
  assert.equal(failures.next(cut), 0);
});
