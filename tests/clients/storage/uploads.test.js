// Every form in which the client sends a body, and what is kept of it.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { asService, assertRefused, bytes, fixture, makeBucket, ok } from '../support/clients.js';
import { startTintype } from '../support/server.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);

const TEXT = 'text/plain;charset=UTF-8';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const fox = fixture('photos/avatar-fox.png');
const owl = fixture('photos/avatar-owl.png');

function form(body, name = '') {
  const form = new FormData();
  form.append(name, body);
  return form;
}

const oneChunk = (body) => new ReadableStream({
  start(controller) {
    controller.enqueue(new Uint8Array(body));
    controller.close();
  },
});

// Form, body made anew for each use, whether the type is the body's own.
const FORMS = [
  ['Blob', () => new Blob([fox], { type: 'image/png' }), true],
  ['File', () => new File([fox], 'fox.png', { type: 'image/png' }), true],
  ['FormData', () => form(new Blob([fox], { type: 'image/png' })), true],
  ['FormData with a named file', () => form(new File([fox], 'fox.png', { type: 'image/png' }), 'file'), true],
  ['Buffer', () => fox, false],
  ['Uint8Array', () => new Uint8Array(fox), false],
  ['ArrayBuffer', () => new Uint8Array(fox).buffer, false],
  ['DataView', () => new DataView(new Uint8Array(fox).buffer), false],
  ['web stream', () => oneChunk(fox), false],
  ['Node stream', () => Readable.from([fox.subarray(0, 1000), fox.subarray(1000)]), false],
];

for (const [name, body, hasType] of FORMS) {
  test(`a ${name} arrives whole with its type, lifetime and metadata`, async (context) => {
    const bucket = await makeBucket(context, service);
    const files = service.from(bucket);
    const options = { cacheControl: '60', metadata: { camera: 'Ünïcode', taken: { year: 2026 } } };
    if (!hasType) options.contentType = 'image/png';
    const made = ok(await files.upload('folder/fox.png', body(), options));
    assert.deepEqual([made.path, made.fullPath], ['folder/fox.png', `${bucket}/folder/fox.png`]);
    assert.match(made.id, UUID);
    const blob = ok(await files.download('folder/fox.png'));
    assert.equal(blob.type, 'image/png');
    assert.deepEqual(await bytes(blob), fox);
    const info = ok(await files.info('folder/fox.png'));
    const { id, name, bucketId, size, contentType, cacheControl, metadata } = info;
    assert.deepEqual({ id, name, bucketId, size, contentType, cacheControl, metadata }, {
      id: made.id, name: 'folder/fox.png', bucketId: bucket, size: fox.length, contentType: 'image/png',
      cacheControl: 'max-age=60', metadata: options.metadata,
    });
    const next = hasType ? new Blob([owl], { type: 'image/png' }) : owl;
    const replaced = ok(await files.update('folder/fox.png', next, options));
    assert.equal(replaced.id, made.id);
    assert.deepEqual(await bytes(ok(await files.download('folder/fox.png'))), owl);
  });
}

test('text is text and lives an hour, unless something else is said', async (context) => {
  const files = service.from(await makeBucket(context, service));
  const params = new URLSearchParams({ a: '1 2' });
  for (const [path, body, expected] of [['a.txt', 'schön', 'schön'], ['b.txt', params, 'a=1+2']]) {
    ok(await files.upload(path, body));
    const blob = ok(await files.download(path));
    assert.equal(blob.type.toLowerCase(), TEXT.toLowerCase());
    assert.equal(await blob.text(), expected);
    const info = ok(await files.info(path));
    assert.deepEqual([info.contentType, info.cacheControl, info.metadata], [TEXT, 'max-age=3600', {}]);
  }
  for (const [path, contentType] of [['c.json', 'application/json'], ['d.html', 'text/html']]) {
    ok(await files.upload(path, '{"a": 1}', { contentType }));
    assert.equal(ok(await files.info(path)).contentType, contentType);
    assert.equal(await ok(await files.download(path)).text(), '{"a": 1}');
  }
});

test('an empty file is a file', async (context) => {
  const files = service.from(await makeBucket(context, service));
  for (const [path, body] of [['a', Buffer.alloc(0)], ['b', new Blob([])]]) {
    ok(await files.upload(path, body));
    assert.equal(ok(await files.info(path)).size, 0);
    assert.equal((await bytes(ok(await files.download(path)))).length, 0);
  }
});

test('fields of a form given by the caller are kept, wherever they stand', async (context) => {
  const files = service.from(await makeBucket(context, service));
  const given = form(new Blob(['x'], { type: 'text/plain' }));
  given.append('cacheControl', '7');
  given.append('metadata', JSON.stringify({ own: true }));
  ok(await files.upload('a.txt', given, { cacheControl: '99', metadata: { own: false } }));
  const info = ok(await files.info('a.txt'));
  assert.deepEqual([info.cacheControl, info.metadata], ['max-age=7', { own: true }]);
});

test('a second upload needs upsert, and keeps row and time of making', async (context) => {
  const files = service.from(await makeBucket(context, service));
  const first = ok(await files.upload('a.txt', 'one', { metadata: { round: 1 } }));
  const before = ok(await files.info('a.txt'));
  assertRefused(await files.upload('a.txt', 'two'), '409', 'The resource already exists');
  assertRefused(await files.upload('a.txt', new Blob(['two'])), '409', 'The resource already exists');
  assert.equal(await ok(await files.download('a.txt')).text(), 'one');
  const second = ok(await files.upload('a.txt', 'two!', { upsert: true }));
  assert.equal(second.id, first.id);
  const after = ok(await files.info('a.txt'));
  assert.deepEqual([after.createdAt, after.size, after.metadata], [before.createdAt, 4, {}]);
  assert.notEqual(after.version, before.version);
  assert.notEqual(after.etag, before.etag);
});

test('an update makes what is not there', async (context) => {
  const files = service.from(await makeBucket(context, service));
  ok(await files.update('new.txt', 'made'));
  assert.equal(await ok(await files.download('new.txt')).text(), 'made');
});

test('slashes that mean nothing are left out', async (context) => {
  const bucket = await makeBucket(context, service);
  const made = ok(await service.from(bucket).upload('/a//b/c.txt/', 'x'));
  assert.deepEqual([made.path, made.fullPath], ['a/b/c.txt', `${bucket}/a/b/c.txt`]);
});

test('an upload into nowhere is refused', async () => {
  assertRefused(await service.from('not-a-bucket').upload('a.txt', 'x'), '404', 'Bucket not found');
});

test('an upload that is given up leaves nothing', async (context) => {
  const files = service.from(await makeBucket(context, service));
  const giving = new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(1000)),
    pull: (controller) => controller.error(new Error('given up')),
  });
  const { error } = await files.upload('half.bin', giving);
  assert.equal(error.name, 'StorageUnknownError');
  assert.deepEqual(ok(await files.list()), []);
  assert.equal((await files.exists('half.bin')).data, false);
});
