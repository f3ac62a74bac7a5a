// Keys with every character that is allowed, through every way of naming them; and those that are not allowed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { asService, assertRefused, bytes, fixture, fresh, makeBucket, ok, pngSize, shown } from '../support/clients.js';
import { startTintype } from '../support/server.js';

const server = await startTintype();
const service = asService(server.url);
const bucket = fresh('keys');
const files = service.from(bucket);
const picture = fixture('formats/palette.png');
const PNG = { contentType: 'image/png' };

before(async () => ok(await service.createBucket(bucket, { public: true })));
after(async () => {
  ok(await service.emptyBucket(bucket));
  ok(await service.deleteBucket(bucket));
  await server.stop();
});

/** The client puts keys into paths as they are: `?` alone has to be encoded by the app, or it begins a query. */
const inPath = (key) => key.replaceAll('?', '%3F');

const KEYS = [
  'with space.png', 'a  b.png', "it's.png", '(1).png', 'a&b=c.png', '$5@home.png', 'a;b:c,d.png', 'a+b.png',
  '!star*.png', 'under_score-minus.png', 'dots...png', '.hidden', 'UPPER lower/Folder One/x y.png',
  'deep/'.repeat(20) + 'a.png', 'why?.png', 'a?b=c&token=d.png', "_/!.*'() &$=@;:+,?-", `${'k'.repeat(255)}.png`,
];

for (const key of KEYS) {
  test(`an object called ${key.length > 60 ? `${key.slice(0, 20)}…` : key} is reached in every way`, async () => {
    const path = inPath(key);
    const made = ok(await files.upload(path, picture, PNG));
    assert.equal(made.fullPath, `${bucket}/${key}`);
    assert.equal(ok(await files.exists(path)), true);
    assert.equal(ok(await files.info(path)).name, key);
    assert.deepEqual(await bytes(ok(await files.download(path))), picture);
    ok(await files.update(path, picture, PNG));
    const transform = { width: 8, height: 8 };
    assert.deepEqual(pngSize(await bytes(ok(await files.download(path, { transform })))), [8, 8]);

    const folder = key.includes('/') ? key.slice(0, key.lastIndexOf('/')) : '';
    const listed = ok(await files.list(folder)).map(({ name }) => (folder ? `${folder}/${name}` : name));
    assert.ok(listed.includes(key), `${listed}`);
    assert.deepEqual(ok(await files.listV2({ prefix: key })).objects.map(({ name }) => name), [key]);

    // The client encodes public URLs itself: what is encoded already would be so twice.
    if (path === key) {
      assert.deepEqual((await shown(files.getPublicUrl(key).data.publicUrl)).body, picture);
      assert.deepEqual(pngSize((await shown(files.getPublicUrl(key, { transform }).data.publicUrl)).body), [8, 8]);
    }
    const one = ok(await files.createSignedUrl(path, 600, { download: true }));
    const [many] = ok(await files.createSignedUrls([key], 600));
    for (const { signedUrl } of [one, many]) assert.deepEqual((await shown(signedUrl)).body, picture, signedUrl);
    const small = ok(await files.createSignedUrl(path, 600, { transform }));
    assert.deepEqual(pngSize((await shown(small.signedUrl)).body), [8, 8]);

    const copy = `copy of ${key}`.replaceAll('/', ' ');
    ok(await files.copy(key, copy));
    ok(await files.move(copy, `moved ${copy}`));
    assert.equal(ok(await files.remove([`moved ${copy}`])).length, 1);
    const upload = ok(await files.createSignedUploadUrl(path, { upsert: true }));
    ok(await files.uploadToSignedUrl(path, upload.token, picture, PNG));
    assert.deepEqual(ok(await files.remove([key])).map(({ name }) => name), [key]);
    assert.equal((await files.exists(path)).data, false);
  });
}

test('keys with other characters are refused by name', async () => {
  for (const key of ['ümlaut.png', 'naïve/文.png', 'a~b', 'a^b', 'a|b', 'a[b]', 'a{b}', 'a"b', 'a<b>', 'a`b']) {
    assertRefused(await files.upload(key, 'x'), '400', `Invalid key: ${key}`);
    assertRefused(await files.createSignedUploadUrl(key), '400', `Invalid key: ${key}`);
    assertRefused(await files.move('a', key), '400', `Invalid key: ${key}`);
    assertRefused(await files.copy('a', key), '400', `Invalid key: ${key}`);
  }
  for (const key of ['%25', 'a%00b', 'a%0Ab', 'a%2F..%2Fb', '%2E%2E%2Fb', 'a%5Cb', 'a%23b']) {
    assertRefused(await files.upload(key, 'x'), '400', /^Invalid key: /);
  }
  assertRefused(await files.upload(`${'x'.repeat(1025)}`, 'x'), '400', /^Invalid key: /);
});

test('an object whose name is refused is nowhere', async (context) => {
  const empty = service.from(await makeBucket(context, service));
  assertRefused(await empty.upload('ümlaut.png', 'x'), '400', 'Invalid key: ümlaut.png');
  assert.deepEqual(ok(await empty.list()), []);
});

test('letters of every script may be allowed, and then a per cent sign too', async (context) => {
  const other = await startTintype({ TINTYPE_STORAGE__UTF8_KEYS: 'true' });
  const service = asService(other.url);
  const files = service.from(await makeBucket(context, service, { public: true }));
  // After the bucket: what is to be done after a test is done in order.
  context.after(other.stop);
  for (const key of ['ümlaut.png', '图片/猫.png', 'emoji 🦊.png', 'a~b^c|d[e]{f}.png']) {
    ok(await files.upload(key, picture, PNG));
    assert.equal(ok(await files.info(key)).name, key);
    assert.deepEqual((await shown(files.getPublicUrl(key).data.publicUrl)).body, picture);
    const { signedUrl } = ok(await files.createSignedUrl(key, 60));
    assert.deepEqual((await shown(signedUrl)).body, picture, signedUrl);
    assert.deepEqual(ok(await files.remove([key])).map(({ name }) => name), [key]);
  }
  for (const key of ['100%.png', 'a%41b%25c.png', '#1?.png']) {
    ok(await files.upload(encodeURIComponent(key), picture, PNG));
    const signed = ok(await files.createSignedUrls([key], 60));
    for (const { signedUrl } of [signed[0], ok(await files.createSignedUrl(encodeURIComponent(key), 60))]) {
      assert.deepEqual((await shown(signedUrl)).body, picture, signedUrl);
    }
    assert.deepEqual(ok(await files.remove([key])).map(({ name }) => name), [key]);
  }
});
