// Reading: downloads, public URLs, pictures made smaller on the way.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import {
  asAnyone, asService, assertRefused, bytes, fixture, get, makeBucket, ok, pngSize, shown, signedIn, storageAlone,
} from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);
const fox = fixture('photos/avatar-fox.png');

/** A bucket with a picture and a text in it. */
async function filled(context, options) {
  const bucket = await makeBucket(context, service, options);
  ok(await service.from(bucket).upload('a/fox.png', fox, { contentType: 'image/png', cacheControl: '120' }));
  ok(await service.from(bucket).upload('a/note.txt', '0123456789'));
  return bucket;
}

test('a private object is for those who may read it', async (context) => {
  const bucket = await filled(context, { public: false });
  assert.deepEqual(await bytes(ok(await service.from(bucket).download('a/fox.png'))), fox);
  const user = signedIn(server.url, (await newUser()).token);
  for (const stranger of [asAnyone(server.url), user]) {
    const files = stranger.from(bucket);
    assertRefused(await files.download('a/fox.png'), '404', 'Object not found');
    assertRefused(await files.download('a/fox.png', { transform: { width: 64 } }), '404', 'Object not found');
    assertRefused(await files.info('a/fox.png'), '404', 'Object not found');
    assert.equal((await files.exists('a/fox.png')).data, false);
  }
  const missing = "headers must have required property 'authorization'";
  const alone = storageAlone(server.url).from(bucket);
  assertRefused(await alone.download('a/fox.png'), '400', missing);
  assertRefused(await alone.download('a/fox.png', { transform: { width: 64 } }), '400', missing);
  const { publicUrl } = service.from(bucket).getPublicUrl('a/fox.png').data;
  const told = JSON.parse((await get(publicUrl)).body);
  assert.deepEqual([told.statusCode, told.error, told.message], ['404', 'Bucket not found', 'Bucket not found']);
});

test('what is not there is not found, in every way of asking', async (context) => {
  const files = service.from(await filled(context, { public: true }));
  assertRefused(await files.download('none.png'), '404', 'Object not found');
  assertRefused(await files.download('none.png', { transform: { width: 64 } }), '404', 'Object not found');
  assertRefused(await files.info('none.png'), '404', 'Object not found');
  const { data, error } = await files.exists('none.png');
  assert.deepEqual([data, error.name, error.status], [false, 'StorageApiError', 400]);
  for (const options of [{}, { transform: { width: 64 } }]) {
    const { status, body } = await get(files.getPublicUrl('none.png', options).data.publicUrl);
    assert.deepEqual([status, JSON.parse(body).statusCode, JSON.parse(body).message], [400, '404', 'Object not found']);
  }
  const nowhere = service.from('not-a-bucket');
  assertRefused(await nowhere.download('a/fox.png'), '404', /^(Bucket|Object) not found$/);
  assertRefused(await nowhere.info('a/fox.png'), '404', /^(Bucket|Object) not found$/);
  assert.equal((await nowhere.exists('a/fox.png')).data, false);
});

test('a public object is for everyone, with whatever key or none', async (context) => {
  const bucket = await filled(context, { public: true });
  const strangers = [
    asAnyone(server.url), storageAlone(server.url),
    storageAlone(server.url, { authorization: 'Bearer nonsense' }),
    signedIn(server.url, (await newUser()).token),
  ];
  for (const stranger of strangers) {
    const files = stranger.from(bucket);
    assert.deepEqual(await bytes(ok(await files.download('a/fox.png'))), fox);
    assert.equal(ok(await files.info('a/fox.png')).size, fox.length);
    assert.equal(ok(await files.exists('a/fox.png')), true);
    assert.deepEqual((await shown(files.getPublicUrl('a/fox.png').data.publicUrl)).body, fox);
  }
});

test('a public URL has the headers that browsers and caches go by', async (context) => {
  const files = service.from(await filled(context, { public: true }));
  const { publicUrl } = files.getPublicUrl('a/fox.png').data;
  const { headers } = await shown(publicUrl);
  assert.equal(headers.get('content-type'), 'image/png');
  assert.equal(headers.get('content-length'), String(fox.length));
  assert.match(headers.get('cache-control'), /max-age=120/);
  assert.equal(headers.get('etag'), ok(await files.info('a/fox.png')).etag);
  assert.ok(headers.get('last-modified'));
  assert.equal(headers.get('accept-ranges'), 'bytes');
  assert.equal((await get(publicUrl, { 'if-none-match': headers.get('etag') })).status, 304);
  const part = await get(files.getPublicUrl('a/note.txt').data.publicUrl, { range: 'bytes=2-4' });
  const range = part.headers.get('content-range');
  assert.deepEqual([part.status, part.body.toString(), range], [206, '234', 'bytes 2-4/10']);
});

test('a download is named as asked', async (context) => {
  const files = service.from(await filled(context, { public: true }));
  const disposition = async (options) =>
    (await shown(files.getPublicUrl('a/fox.png', options).data.publicUrl)).headers.get('content-disposition');
  assert.equal(await disposition({}), null);
  assert.match(await disposition({ download: true }), /^attachment/);
  const named = await disposition({ download: 'Füchse & Co.png' });
  assert.match(named, /^attachment;.*filename\*=UTF-8''F%C3%BCchse%20%26%20Co\.png/);
  assert.match(await disposition({ download: 'small.png', transform: { width: 32 } }), /^attachment;.*small\.png/);
});

test('pictures are made smaller on the way', async (context) => {
  const bucket = await filled(context, { public: true });
  const files = service.from(bucket);
  const cases = [
    [{ width: 100 }, [100, 100]],
    [{ width: 200, height: 100 }, [200, 100]],
    [{ width: 200, height: 100, resize: 'contain' }, [100, 100]],
    [{ width: 200, height: 100, resize: 'fill' }, [200, 100]],
    [{ width: 64, quality: 40 }, [64, 64]],
    [{ width: 64, format: 'origin' }, [64, 64]],
  ];
  for (const [transform, size] of cases) {
    const downloaded = await bytes(ok(await files.download('a/fox.png', { transform })));
    assert.deepEqual(pngSize(downloaded), size, JSON.stringify(transform));
    const answer = await shown(files.getPublicUrl('a/fox.png', { transform }).data.publicUrl);
    assert.deepEqual(pngSize(answer.body), size, JSON.stringify(transform));
  }
  const { publicUrl } = files.getPublicUrl('a/fox.png', { transform: { width: 200, height: 200, quality: 60 } }).data;
  const answer = await shown(publicUrl, { accept: 'image/avif,image/webp,*/*' });
  assert.equal(answer.headers.get('content-type'), 'image/webp');
  assert.equal(answer.headers.get('x-transformations'), 'height:200,width:200,resizing_type:fill,quality:60');
  const asOrigin = files.getPublicUrl('a/fox.png', { transform: { width: 200, format: 'origin' } }).data.publicUrl;
  const origin = await shown(asOrigin, { accept: 'image/webp' });
  assert.equal(origin.headers.get('content-type'), 'image/png');
});

test('parameters that make no sense are named', async (context) => {
  const files = service.from(await filled(context, { public: true }));
  const cases = [
    [{ width: -1 }, 'querystring/width must be >= 0'],
    [{ quality: 10 }, 'querystring/quality must be >= 20'],
    [{ quality: 101 }, 'querystring/quality must be <= 100'],
    [{ width: 'ten' }, 'querystring/width must be integer'],
    [{ width: 10, resize: 'squash' }, 'querystring/resize must be equal to one of the allowed values'],
  ];
  for (const [transform, message] of cases) {
    assertRefused(await files.download('a/fox.png', { transform }), '400', message);
    const { status, body } = await get(files.getPublicUrl('a/fox.png', { transform }).data.publicUrl);
    assert.deepEqual([status, JSON.parse(body).message], [400, message]);
  }
  const unsupported = 'The source image is invalid or unsupported for rendering';
  assertRefused(await files.download('a/note.txt', { transform: { width: 10 } }), '400', unsupported);
});

test('a download can be a stream, and can be given up', async (context) => {
  const files = service.from(await filled(context, { public: false }));
  const stream = ok(await files.download('a/fox.png').asStream());
  assert.deepEqual(Buffer.from(await new Response(stream).arrayBuffer()), fox);
  const controller = new AbortController();
  controller.abort();
  const { error } = await files.download('a/fox.png', {}, { signal: controller.signal });
  assert.equal(error.name, 'StorageUnknownError');
  assert.deepEqual(await bytes(ok(await files.download('a/fox.png', { cacheNonce: '2' }))), fox);
});

test('files that are no pictures come back as they went, large ones too', async (context) => {
  const files = service.from(await makeBucket(context, service, { public: true }));
  for (const [size, type] of [[1, 'application/zip'], [40_000_000, 'video/mp4'], [300_000, 'application/pdf']]) {
    const body = randomBytes(size);
    ok(await files.upload('file', body, { contentType: type, upsert: true }));
    const blob = ok(await files.download('file'));
    assert.equal(blob.type, type);
    assert.ok((await bytes(blob)).equals(body), type);
    const { publicUrl } = files.getPublicUrl('file').data;
    assert.ok((await shown(publicUrl)).body.equals(body), type);
    const end = await get(publicUrl, { range: 'bytes=-1' });
    assert.deepEqual([end.status, end.body], [206, body.subarray(size - 1)]);
  }
});

test('what a browser would run is only text, unless it is downloaded', async (context) => {
  const files = service.from(await makeBucket(context, service, { public: true }));
  for (const contentType of ['text/html', 'image/svg+xml', 'text/javascript', 'application/xml']) {
    const path = contentType.replace('/', '.');
    ok(await files.upload(path, '<script>alert(1)</script>', { contentType }));
    const { headers } = await shown(files.getPublicUrl(path).data.publicUrl);
    assert.equal(headers.get('content-type'), 'text/plain', path);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy'), /sandbox/);
    const saved = await shown(files.getPublicUrl(path, { download: true }).data.publicUrl);
    assert.equal(saved.headers.get('content-type'), contentType);
    assert.equal(ok(await files.info(path)).contentType, contentType);
  }
});

test('a bucket that is not there has nothing in it', async () => {
  const nowhere = service.from('not-a-bucket');
  assert.deepEqual(ok(await nowhere.list()), []);
  assert.deepEqual(ok(await nowhere.listV2()), { folders: [], hasNext: false, objects: [] });
  assert.deepEqual(ok(await nowhere.remove(['a.txt'])), []);
  const [signed] = ok(await nowhere.createSignedUrls(['a.txt'], 60));
  assert.equal(signed.error, 'Either the object does not exist or you do not have access to it');
  assertRefused(await nowhere.createSignedUrl('a.txt', 60), '404', 'Object not found');
  assertRefused(await nowhere.move('a.txt', 'b.txt'), '404', 'Object not found');
  assertRefused(await nowhere.copy('a.txt', 'b.txt'), '404', 'Object not found');
});
