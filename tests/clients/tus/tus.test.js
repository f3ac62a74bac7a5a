// tus-js-client as Supabase's guides set it up, against the real binary.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as tus from 'tus-js-client';
import { Server, token } from './server.js';

const MB = 1024 * 1024;
const service = token({ role: 'service_role' });
const anon = token({ role: 'anon' });
const ann = token({ role: 'authenticated', sub: 'ann' });
const body = randomBytes(20 * MB);
let server;

before(async () => {
  server = await Server.start();
  const settings = { id: 'files', name: 'files', public: true };
  await server.api('POST', '/bucket', service, settings);
});
after(() => server.stop());

/** What Supabase's guide on resumable uploads says, and what a test adds. */
function options(objectName, further = {}) {
  return {
    endpoint: `${server.url}/storage/v1/upload/resumable`,
    // A server that is started again may take its time.
    retryDelays: [0, 100, 300, 500, 1000, 2000, 4000, 8000, 16_000, 32_000],
    headers: { authorization: `Bearer ${ann}`, apikey: anon, 'x-upsert': 'false' },
    uploadDataDuringCreation: true,
    removeFingerprintOnSuccess: true,
    metadata: {
      bucketName: 'files',
      objectName,
      contentType: 'application/x-noise',
      cacheControl: '3600',
      metadata: JSON.stringify({ from: 'tus-js-client' }),
    },
    chunkSize: 6 * MB,
    ...further,
  };
}

/** Uploads to the end, or until `upload` is aborted by what the test adds. */
function run(data, given) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(data, { onSuccess: () => resolve(upload), onError: reject, ...given });
    upload.start();
  });
}

async function assertStored(objectName, expected) {
  const answer = await server.api('GET', `/object/files/${objectName}`, ann);
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(expected), 'other bytes than were sent');
  assert.deepEqual(server.unfinished(), []);
  return answer;
}

test('20 MB in chunks of 6 MB, aborted and resumed by a new client', async () => {
  const urlStorage = new tus.FileUrlStorage(join(server.folder, 'urls.json'));
  const given = options('ann/resumed.bin', { urlStorage });
  await new Promise((resolve, reject) => {
    const first = new tus.Upload(body, {
      ...given,
      onError: reject,
      onSuccess: () => reject(new Error('the upload was to be aborted')),
      onProgress: (sent) => {
        if (sent > 14 * MB) resolve(first.abort());
      },
    });
    first.start();
  });
  const offsets = [];
  await new Promise((resolve, reject) => {
    const second = new tus.Upload(body, {
      ...given,
      onError: reject,
      onSuccess: resolve,
      onBeforeRequest: (request) => {
        assert.notEqual(request.getMethod(), 'POST');
        offsets.push(request.getHeader('Upload-Offset'));
      },
    });
    second.findPreviousUploads().then(([previous]) => {
      second.resumeFromPreviousUpload(previous);
      second.start();
    }, reject);
  });
  assert.ok(Number(offsets[1]) >= 12 * MB, `went on from ${offsets}`);
  const answer = await assertStored('ann/resumed.bin', body);
  assert.equal(answer.headers.get('content-type'), 'application/x-noise');
  const info = await (await server.api('GET', '/object/info/files/ann/resumed.bin', ann)).json();
  assert.deepEqual([info.cache_control, info.metadata], ['max-age=3600', { from: 'tus-js-client' }]);
});

test('a client goes on by itself after the server was killed within a chunk', async () => {
  let restarted;
  await run(body, options('ann/killed.bin', {
    chunkSize: Infinity,
    uploadDataDuringCreation: false,
    onProgress: (sent) => {
      if (sent > 10 * MB) restarted ??= server.kill().then(() => server.run());
    },
  }));
  await restarted;
  assert.ok(restarted, 'the server was never killed');
  await assertStored('ann/killed.bin', body);
});

test('POST in place of PATCH, an empty file, and one that comes with its creation', async () => {
  await run(body.subarray(0, 7 * MB), options('ann/post.bin', { overridePatchMethod: true, uploadDataDuringCreation: false }));
  await assertStored('ann/post.bin', body.subarray(0, 7 * MB));
  await run(Buffer.alloc(0), options('ann/empty.bin'));
  await assertStored('ann/empty.bin', Buffer.alloc(0));
  await run(body.subarray(0, MB), options('ann/small.bin'));
  await assertStored('ann/small.bin', body.subarray(0, MB));
});

test('a signed upload needs no token', async () => {
  const signed = await server.api('POST', '/object/upload/sign/files/ann/signed.bin', ann, {});
  const { token: signature } = await signed.json();
  await run(body, options('ann/signed.bin', {
    endpoint: `${server.url}/storage/v1/upload/resumable/sign`,
    headers: { 'x-signature': signature },
  }));
  await assertStored('ann/signed.bin', body);
});

test('refusals come through with their status and text', async () => {
  const refused = async (objectName, data, further) => {
    const fault = await run(data, options(objectName, { retryDelays: [], ...further })).then(() => assert.fail(), (fault) => fault);
    return [fault.originalResponse?.getStatus(), fault.originalResponse?.getBody()];
  };
  assert.deepEqual(await refused('bob/a.bin', body), [403, 'new row violates row-level security policy']);
  assert.deepEqual(
    await refused('ann/large.bin', Buffer.alloc(51_000_000)),
    [413, 'The object exceeded the maximum allowed size'],
  );
  assert.deepEqual(await refused('ann/signed.bin', body), [409, 'The resource already exists']);
  const metadata = { bucketName: 'kinkster-avatars', objectName: 'ann/a.png', contentType: 'image/png' };
  const page = Buffer.from('<html><script>alert(1)</script>');
  assert.deepEqual(
    await refused('', page, { metadata, uploadDataDuringCreation: false }),
    [415, 'mime type text/html is not supported'],
  );
  assert.deepEqual(server.unfinished(), []);
});

test('an aborted upload is terminated', async () => {
  const url = await new Promise((resolve, reject) => {
    const upload = new tus.Upload(body, options('ann/ended.bin', {
      onError: reject,
      onChunkComplete: () => {
        const { url } = upload;
        upload.abort(true).then(() => resolve(url), reject);
      },
    }));
    upload.start();
  });
  const head = await fetch(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
  assert.equal(head.status, 404);
  assert.deepEqual(server.unfinished(), []);
});

test('the example of the documentation uploads', async () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../deploy/docs/buckets.md'), 'utf8');
  const example = readme.split('```js\n').map((rest) => rest.split('```')[0]).find((block) => block.includes('tus.Upload'));
  const here = example.replace('https://images.example.com', server.url);
  const file = body.subarray(0, 7 * MB);
  await new Promise((resolve, reject) => {
    class Upload extends tus.Upload {
      constructor(data, given) {
        super(data, { ...given, onSuccess: resolve, onError: reject });
      }
    }
    new Function('tus', 'file', 'token', here)({ Upload }, file, token({ role: 'authenticated', sub: 'ada' }));
  });
  const answer = await server.api('GET', '/object/public/files/ada/photo.bin', anon);
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(file), 'other bytes than were sent');
});
