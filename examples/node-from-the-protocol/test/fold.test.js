// The fold against all golden cases, cut anywhere, and the slices of a snapshot.
// @ts-check

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

import { Fold } from '../fold.js';
import { Slices } from '../slices.js';
import { JobState, StreamJobResponse } from '../wire.js';

const golden = new URL('../../../tests/golden/', import.meta.url);
/** @param {string} path */
const read = (path) => JSON.parse(readFileSync(new URL(path, golden), 'utf8'));
/** @param {string} hex */
const bytes = (hex) => Buffer.from(hex, 'hex');
/** The state as another process would get it. @param {any} state */
const sent = (state) => JobState.decode(JobState.encode(state));

const files = readdirSync(new URL('fold/', golden)).filter((name) => name.endsWith('.json'));

test('there are golden cases', () => assert.ok(files.length >= 26));

for (const file of files) {
  const { rule, begin, frames, state } = read(`fold/${file}`);
  test(`${file}: ${rule}`, () => {
    const events = frames.flatMap((/** @type {string} */ frame) => StreamJobResponse.decode(bytes(frame)).events);
    assert.equal(events.length, frames.length);
    const wanted = JobState.decode(bytes(state));
    for (let cut = 0; cut <= events.length; cut++) {
      let fold = new Fold(JobState.decode(bytes(begin)));
      for (const event of events.slice(0, cut)) fold.apply(event);
      fold = new Fold(sent(fold.state()));
      for (const event of events.slice(cut)) fold.apply(event);
      assert.deepEqual(sent(fold.state()), wanted, `cut at ${cut}`);
    }
    // And with the state asked for after each event: asking changes nothing, and what was given stays as it was.
    const fold = new Fold(JobState.decode(bytes(begin)));
    const given = events.map((/** @type {any} */ event) => {
      fold.apply(event);
      return [fold.state(), JSON.stringify(fold.state())];
    });
    assert.deepEqual(sent(fold.state()), wanted);
    for (const [was, text] of given) assert.equal(JSON.stringify(was), text);
  });
}

test('a long text does not take quadratic time', { timeout: 10_000 }, () => {
  const fold = new Fold();
  fold.apply({ offset: 1, payload: 'partStarted', partStarted: { part: { kind: 'text', text: { text: '' } } } });
  for (let offset = 2; offset < 500_000; offset++) {
    fold.apply({ offset, payload: 'textDelta', textDelta: { partIndex: 0, text: 'word ' } });
  }
  assert.equal(fold.text().length, 499_998 * 5);
});

test('wire.json is read as it says', () => {
  for (const { name, hex, json } of read('wire.json')) {
    const message = StreamJobResponse.decode(bytes(hex));
    const { events = [], epoch = '', lastOffset = 0, closed = false, snapshotContinues = false } = json;
    assert.deepEqual(
      message.events.map((/** @type {any} */ event) => [event.offset, event.payload]),
      events.map((/** @type {any} */ event) => [event.offset, kindOf(event)]),
      name,
    );
    assert.deepEqual(
      [message.epoch, message.lastOffset, message.closed, message.snapshotContinues, message.snapshot !== null],
      [epoch, lastOffset, closed, snapshotContinues, 'snapshot' in json],
      name,
    );
  }
});

/** @param {any} event as protobuf JSON */
const kindOf = (event) => Object.keys(event).find((key) => key !== 'offset' && key !== 'createTime');

test('slices: the golden pair', () => {
  const slices = new Slices();
  const names = ['snapshot_slice', 'last_snapshot_slice'];
  for (const name of names) {
    const { hex } = read('wire.json').find((/** @type {any} */ wire) => wire.name === name);
    slices.add(StreamJobResponse.decode(bytes(hex)).snapshot);
  }
  const whole = slices.take();
  assert.equal(whole.offset, 41);
  assert.equal(whole.job.owner, 'ada');
  assert.deepEqual(whole.parts.map((/** @type {any} */ part) => part.text.text), ['Hello']);
  assert.equal(slices.pending, false);
});

test('slices: a part that goes on, one that begins, lists that grow', () => {
  /** @param {number} index @param {string} text */
  const text = (index, text) => ({ index, text: { text } });
  const messages = [
    { offset: 9, parts: [text(0, 'a')], errors: [{ reason: 'R' }] },
    { parts: [text(0, 'b')], errors: [{ reason: 'S' }] },
    { parts: [text(0, 'c'), text(1, 'x')] },
    { parts: [text(2, 'y'), { index: 3, toolCall: { argumentsJson: '{' } }] },
    { parts: [{ index: 3, toolCall: { argumentsJson: '}' } }] },
  ];
  const slices = new Slices();
  for (const message of messages) slices.add(sent(message));
  const wanted = {
    offset: 9,
    parts: [text(0, 'abc'), text(1, 'x'), text(2, 'y'), { index: 3, toolCall: { argumentsJson: '{}' } }],
    errors: [{ reason: 'R' }, { reason: 'S' }],
  };
  assert.deepEqual(sent(slices.take()), sent(wanted));
});
