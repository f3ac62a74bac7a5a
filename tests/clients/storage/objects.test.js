// Giving objects other names and places, copying, removing, and what is known of them.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  asAnyone, asService, assertRefused, fixture, get, makeBucket, ok, shown, signedIn,
} from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);
const EXISTS = 'The resource already exists';

const text = async (files, path) => ok(await files.download(path)).text();

test('what is known of an object', async (context) => {
  const bucket = await makeBucket(context, service);
  const files = service.from(bucket);
  ok(await files.upload('a/b.txt', 'text', { metadata: { a: 1 } }));
  const info = ok(await files.info('a/b.txt'));
  const { id, version, etag, lastModified, createdAt, ...rest } = info;
  assert.deepEqual(rest, {
    name: 'a/b.txt', bucketId: bucket, size: 4, contentType: 'text/plain;charset=UTF-8', cacheControl: 'max-age=3600',
    metadata: { a: 1 },
  });
  for (const value of [id, version]) assert.match(value, /^[0-9a-f-]{36}$/);
  for (const value of [lastModified, createdAt]) assert.ok(Math.abs(Date.parse(value) - Date.now()) < 60_000, value);
  assert.match(etag, /^"[^"]+"$/);
  assert.equal(ok(await files.exists('a/b.txt')), true);
  assert.equal((await files.exists('a')).data, false);
});

test('an object moves, with its row, bytes and metadata', async (context) => {
  const bucket = await makeBucket(context, service);
  const files = service.from(bucket);
  const { id } = ok(await files.upload('from.txt', 'moved', { metadata: { a: 1 }, cacheControl: '5' }));
  const { message, Id, Key } = ok(await files.move('from.txt', 'deep/to.txt'));
  assert.deepEqual([message, Id, Key], ['Successfully moved', id, `${bucket}/deep/to.txt`]);
  assert.equal((await files.exists('from.txt')).data, false);
  const info = ok(await files.info('deep/to.txt'));
  assert.deepEqual([info.id, info.metadata, info.cacheControl], [id, { a: 1 }, 'max-age=5']);
  assert.equal(await text(files, 'deep/to.txt'), 'moved');
  ok(await files.upload('other.txt', 'other'));
  assertRefused(await files.move('deep/to.txt', 'other.txt'), '409', EXISTS);
  assert.equal(await text(files, 'other.txt'), 'other');
  assertRefused(await files.move('none.txt', 'new.txt'), '404', 'Object not found');
});

test('an object moves and is copied into another bucket', async (context) => {
  const [one, other] = [await makeBucket(context, service), await makeBucket(context, service, { public: true })];
  const [from, to] = [service.from(one), service.from(other)];
  ok(await from.upload('a.txt', 'text', { metadata: { a: 1 } }));
  assert.equal(ok(await from.copy('a.txt', 'copy.txt', { destinationBucket: other })).path, `${other}/copy.txt`);
  assert.equal(ok(await from.move('a.txt', 'moved.txt', { destinationBucket: other })).message, 'Successfully moved');
  assert.deepEqual(ok(await from.list()), []);
  for (const path of ['copy.txt', 'moved.txt']) {
    assert.equal(await text(to, path), 'text');
    assert.deepEqual(ok(await to.info(path)).metadata, { a: 1 });
    assert.equal((await shown(to.getPublicUrl(path).data.publicUrl)).body.toString(), 'text');
  }
  const nowhere = { destinationBucket: 'not-a-bucket' };
  assertRefused(await to.move('moved.txt', 'x.txt', nowhere), '404', 'Bucket not found');
  assertRefused(await to.copy('moved.txt', 'x.txt', nowhere), '404', 'Bucket not found');
  const small = await makeBucket(context, service, { public: false, fileSizeLimit: 3 });
  const tooLarge = 'The object exceeded the maximum allowed size';
  assertRefused(await to.copy('moved.txt', 'x.txt', { destinationBucket: small }), '413', tooLarge);
  assert.equal(await text(to, 'moved.txt'), 'text');
});

test('a copy is an object of its own', async (context) => {
  const bucket = await makeBucket(context, service);
  const files = service.from(bucket);
  const { id } = ok(await files.upload('a.txt', 'one', { metadata: { a: 1 }, cacheControl: '5' }));
  assert.deepEqual(ok(await files.copy('a.txt', 'b.txt')), { path: `${bucket}/b.txt` });
  const info = ok(await files.info('b.txt'));
  assert.notEqual(info.id, id);
  assert.deepEqual([info.metadata, info.cacheControl, info.size], [{ a: 1 }, 'max-age=5', 3]);
  ok(await files.upload('a.txt', 'two', { upsert: true }));
  ok(await files.remove(['a.txt']));
  assert.equal(await text(files, 'b.txt'), 'one');
  assertRefused(await files.copy('b.txt', 'b.txt'), '409', EXISTS);
  assertRefused(await files.copy('none.txt', 'c.txt'), '404', 'Object not found');
});

test('many are removed at once; what is not there is not among them', async (context) => {
  const bucket = await makeBucket(context, service);
  const files = service.from(bucket);
  for (const path of ['a.txt', 'd/b.txt', 'd/c.txt']) ok(await files.upload(path, path, { metadata: { path } }));
  const removed = ok(await files.remove(['a.txt', 'd/b.txt', 'none.txt', 'bad\\name']));
  assert.deepEqual(removed.map(({ name }) => name).toSorted(), ['a.txt', 'd/b.txt']);
  const row = removed.find(({ name }) => name === 'a.txt');
  assert.deepEqual([row.bucket_id, row.metadata.size, row.user_metadata], [bucket, 5, { path: 'a.txt' }]);
  assert.deepEqual(ok(await files.remove(['a.txt', 'none.txt'])), []);
  // Names are keys, not prefixes.
  assert.deepEqual(ok(await files.remove(['d', 'd/'])), []);
  assert.equal(await text(files, 'd/c.txt'), 'd/c.txt');
  assert.deepEqual(ok(await files.remove(['d/c.txt', 'd/c.txt'])).map(({ name }) => name), ['d/c.txt']);
  assertRefused(await files.remove([]), '400', 'body/prefixes must NOT have fewer than 1 items');
});

test('a thousand are removed in one request, more are refused', async (context) => {
  const files = service.from(await makeBucket(context, service));
  ok(await files.upload('0500.txt', 'x'));
  const names = (count) => Array.from({ length: count }, (_, index) => `${String(index).padStart(4, '0')}.txt`);
  assertRefused(await files.remove(names(1001)), '400', 'body/prefixes must NOT have more than 1000 items');
  assert.deepEqual(ok(await files.remove(names(1000))).map(({ name }) => name), ['0500.txt']);
});

test('what is removed is seen by nobody on the very next request', async (context) => {
  const bucket = await makeBucket(context, service, { public: true });
  const files = service.from(bucket);
  ok(await files.upload('fox.png', fixture('photos/avatar-fox.png'), { contentType: 'image/png' }));
  const publicUrl = (options) => files.getPublicUrl('fox.png', options).data.publicUrl;
  const urls = [publicUrl({}), publicUrl({ transform: { width: 64 } })];
  const signed = ok(await files.createSignedUrl('fox.png', 600)).signedUrl;
  const native = `${server.url}/image/${bucket}/fox.png?w=64`;
  for (const url of [...urls, signed, native]) await shown(url);
  ok(await files.remove(['fox.png']));
  for (const url of [...urls, signed, native]) assert.notEqual((await get(url)).status, 200, url);
});

test('a cache is emptied by the service role alone', async (context) => {
  const bucket = await makeBucket(context, service, { public: true });
  const files = service.from(bucket);
  ok(await files.upload('a b.png', fixture('photos/avatar-fox.png'), { contentType: 'image/png' }));
  const url = files.getPublicUrl('a b.png', { transform: { width: 64 } }).data.publicUrl;
  const isHit = async () => (await shown(url)).headers.get('cache-status').includes('hit');
  assert.deepEqual([await isHit(), await isHit()], [false, true]);
  assert.equal(ok(await files.purgeCache('a b.png')).message, 'success');
  assert.deepEqual([await isHit(), await isHit()], [false, true]);
  assert.equal(ok(await files.purgeCache('a b.png', { transformations: true })).message, 'success');
  assert.equal(ok(await service.purgeBucketCache(bucket)).message, 'success');
  assert.equal(await isHit(), false);
  for (const stranger of [asAnyone(server.url), signedIn(server.url, (await newUser()).token)]) {
    assertRefused(await stranger.from(bucket).purgeCache('a b.png'), '403', /service key/, 403);
    assertRefused(await stranger.purgeBucketCache(bucket), '403', /service key/, 403);
  }
  assert.equal(await isHit(), true);
});
