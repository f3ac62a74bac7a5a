// A bucket's whole life: made, seen, changed, filled, emptied, removed.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  asAnyone, asService, assertRefused, fixture, fresh, makeBucket, ok, signedIn, storageAlone,
} from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('a bucket lives from its making to its removal', async () => {
  const name = fresh('life');
  const limits = { public: true, fileSizeLimit: '20mb', allowedMimeTypes: ['image/*'] };
  assert.deepEqual(ok(await service.createBucket(name, limits)), { name });

  const bucket = ok(await service.getBucket(name));
  const { created_at: created, updated_at: updated, owner, ...rest } = bucket;
  assert.deepEqual(rest, {
    id: name, name, public: true, type: 'STANDARD', file_size_limit: 20_000_000, allowed_mime_types: ['image/*'],
  });
  assert.match(created, TIME);
  assert.match(updated, TIME);
  assert.equal(owner, '');

  const others = { public: false, fileSizeLimit: 1024, allowedMimeTypes: ['text/plain'] };
  assert.deepEqual(ok(await service.updateBucket(name, others)), { message: 'Successfully updated' });
  const after = ok(await service.getBucket(name));
  assert.deepEqual([after.public, after.file_size_limit, after.allowed_mime_types], [false, 1024, ['text/plain']]);

  ok(await service.from(name).upload('a/b.txt', 'text'));
  assertRefused(await service.deleteBucket(name), '409', 'The bucket you tried to delete is not empty');
  const emptied = 'Empty bucket has been queued. Completion may take up to an hour.';
  assert.deepEqual(ok(await service.emptyBucket(name)), { message: emptied });
  assert.deepEqual(ok(await service.from(name).list('a')), []);
  assert.deepEqual(ok(await service.deleteBucket(name)), { message: 'Successfully deleted' });
  assertRefused(await service.getBucket(name), '404', 'Bucket not found');
  assertRefused(await service.updateBucket(name, { public: true }), '404', 'Bucket not found');
  assertRefused(await service.emptyBucket(name), '404', 'Bucket not found');
  assertRefused(await service.deleteBucket(name), '404', 'Bucket not found');
});

test('what an update does not name stays, and null clears it', async (context) => {
  const limits = { public: true, fileSizeLimit: 2000, allowedMimeTypes: ['image/png'] };
  const name = await makeBucket(context, service, limits);
  ok(await service.updateBucket(name, { public: false }));
  const kept = ok(await service.getBucket(name));
  assert.deepEqual([kept.public, kept.file_size_limit, kept.allowed_mime_types], [false, 2000, ['image/png']]);
  ok(await service.updateBucket(name, { public: false, fileSizeLimit: null, allowedMimeTypes: null }));
  const cleared = ok(await service.getBucket(name));
  assert.deepEqual([cleared.file_size_limit, cleared.allowed_mime_types], [null, null]);
});

test('a bucket made with its name alone is private and without limits', async (context) => {
  const name = fresh('plain');
  ok(await service.createBucket(name));
  context.after(() => service.deleteBucket(name));
  const bucket = ok(await service.getBucket(name));
  assert.deepEqual([bucket.public, bucket.file_size_limit, bucket.allowed_mime_types], [false, null, null]);
});

test('buckets are listed, searched, sorted and paged', async (context) => {
  const prefix = fresh('many');
  const names = ['a', 'b', 'c', 'd'].map((letter) => `${prefix}-${letter}`);
  for (const name of names) {
    ok(await service.createBucket(name, { public: false }));
    context.after(() => service.deleteBucket(name));
  }
  const listed = async (options) => ok(await service.listBuckets(options)).map((bucket) => bucket.name);
  const all = await listed();
  assert.ok(names.every((name) => all.includes(name)) && all.includes('kinkster-avatars'), `${all}`);
  const found = (options) => listed({ search: prefix, sortColumn: 'name', sortOrder: 'asc', ...options });
  assert.deepEqual(await found({}), names);
  assert.deepEqual(await found({ search: prefix.toUpperCase() }), names);
  assert.deepEqual(await found({ sortOrder: 'desc' }), names.toReversed());
  assert.deepEqual(await found({ sortColumn: 'created_at', sortOrder: 'desc' }), names.toReversed());
  assert.deepEqual(await found({ limit: 2, offset: 1 }), names.slice(1, 3));
  assert.deepEqual(await found({ limit: 10, offset: 4 }), []);
});

test('names that a bucket cannot have, and those that are taken, are refused', async (context) => {
  const name = await makeBucket(context, service);
  assertRefused(await service.createBucket(name, { public: false }), '409', 'The resource already exists');
  for (const bad of [' blank', 'blank ', 'a/b', 'ümlaut', 'x'.repeat(101), 'a#b', 'a\\b']) {
    assertRefused(await service.createBucket(bad, { public: false }), '400', 'Bucket name invalid');
  }
  for (const good of ["it's (a) $=@;:+,-_.!*& bucket", 'UPPER']) {
    const name = fresh(good);
    ok(await service.createBucket(name, { public: false }));
    assert.equal(ok(await service.getBucket(encodeURIComponent(name))).name, name);
    ok(await service.deleteBucket(encodeURIComponent(name)));
  }
});

test('limits hold for every upload', async (context) => {
  const limits = { public: false, fileSizeLimit: '1kb', allowedMimeTypes: ['image/png', 'text/*'] };
  const files = service.from(await makeBucket(context, service, limits));
  ok(await files.upload('exact.txt', 'x'.repeat(1000)));
  const tooLarge = 'The object exceeded the maximum allowed size';
  assertRefused(await files.upload('more.txt', 'x'.repeat(1001)), '413', tooLarge);
  assertRefused(await files.upload('more.txt', new Blob(['x'.repeat(1001)], { type: 'text/plain' })), '413', tooLarge);
  const jpeg = fixture('formats/grayscale.jpg').subarray(0, 500);
  const wrongType = await files.upload('a.jpg', jpeg, { contentType: 'image/jpeg' });
  assertRefused(wrongType, '415', 'mime type image/jpeg is not supported');
  const blob = new Blob(['{}'], { type: 'application/json' });
  assertRefused(await files.upload('a.json', blob), '415', 'mime type application/json is not supported');
  assertRefused(await files.upload('a', 'x', { contentType: 'nonsense' }), '415', 'Invalid Content-Type header');
  assert.deepEqual(ok(await files.list()).map((file) => file.name), ['exact.txt']);
});

test('a large body that is refused is refused as such, not as a broken connection', async (context) => {
  const files = service.from(await makeBucket(context, service, { public: false, fileSizeLimit: '1mb' }));
  const large = Buffer.alloc(30_000_000, 'x');
  for (const body of [large, new Blob([large], { type: 'text/plain' })]) {
    assertRefused(await files.upload('large.txt', body), '413', 'The object exceeded the maximum allowed size');
  }
});

test('buckets are the service role\'s alone by default', async (context) => {
  const name = await makeBucket(context, service);
  const [anyone, user] = [asAnyone(server.url), signedIn(server.url, (await newUser()).token)];
  for (const stranger of [anyone, user]) {
    assert.deepEqual(ok(await stranger.listBuckets()), []);
    assertRefused(await stranger.getBucket(name), '404', 'Bucket not found');
    const denied = 'new row violates row-level security policy';
    assertRefused(await stranger.createBucket(fresh('mine'), { public: true }), '403', denied);
    assertRefused(await stranger.updateBucket(name, { public: true }), '404', 'Bucket not found');
    assertRefused(await stranger.emptyBucket(name), '404', 'Bucket not found');
    assertRefused(await stranger.deleteBucket(name), '404', 'Bucket not found');
  }
  assert.equal(ok(await service.getBucket(name)).public, false);
  const missing = "headers must have required property 'authorization'";
  assertRefused(await storageAlone(server.url).listBuckets(), '400', missing);
});
