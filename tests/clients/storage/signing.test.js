// Signed URLs: for reading, for many at once, for uploads.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SignJWT, decodeJwt } from 'jose';
import {
  asAnyone, asService, assertRefused, fixture, get, makeBucket, ok, pngSize, shown, signedIn, storageAlone,
} from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { SECRET, newUser, token } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);
const fox = fixture('photos/avatar-fox.png');
const NOT_THERE = 'Either the object does not exist or you do not have access to it';

async function withFox(context) {
  const bucket = await makeBucket(context, service);
  ok(await service.from(bucket).upload('a/fox.png', fox, { contentType: 'image/png' }));
  return { bucket, files: service.from(bucket) };
}

const tokenOf = (url) => new URL(url).searchParams.get('token');

async function refusal(url) {
  const { status, headers, body } = await get(url);
  const { statusCode, error, message } = JSON.parse(body);
  assert.equal(status, 400, `${url}: ${body}`);
  assert.equal(headers.get('cache-control'), 'no-store');
  return [statusCode, error, message];
}

test('a signed URL opens a private object for whoever has it', async (context) => {
  const { bucket, files } = await withFox(context);
  const { signedUrl } = ok(await files.createSignedUrl('a/fox.png', 600));
  assert.ok(signedUrl.startsWith(`${server.url}/storage/v1/object/sign/${bucket}/a/fox.png?token=`), signedUrl);
  const answer = await shown(signedUrl);
  assert.deepEqual(answer.body, fox);
  assert.ok(Date.parse(answer.headers.get('expires')) > Date.now());
  const claims = decodeJwt(tokenOf(signedUrl));
  assert.equal(claims.url, `${bucket}/a/fox.png`);
  assert.ok(claims.exp - claims.iat >= 600 && claims.exp - claims.iat < 700, JSON.stringify(claims));
  assert.equal((await fetch(signedUrl, { method: 'HEAD' })).headers.get('content-length'), String(fox.length));
});

test('the transform of a signed URL is the token\'s, whatever the query says', async (context) => {
  const { bucket, files } = await withFox(context);
  const transform = { width: 120, height: 60, resize: 'cover', quality: 50 };
  const { signedUrl } = ok(await files.createSignedUrl('a/fox.png', 600, { transform }));
  assert.ok(signedUrl.startsWith(`${server.url}/storage/v1/render/image/sign/${bucket}/`), signedUrl);
  assert.deepEqual(pngSize((await shown(signedUrl)).body), [120, 60]);
  assert.deepEqual(pngSize((await shown(`${signedUrl}&width=500&height=500`)).body), [120, 60]);
  assert.equal((await shown(signedUrl, { accept: 'image/webp' })).headers.get('content-type'), 'image/webp');
  const origin = ok(await files.createSignedUrl('a/fox.png', 600, { transform: { width: 30, format: 'origin' } }));
  assert.equal((await shown(origin.signedUrl, { accept: 'image/webp' })).headers.get('content-type'), 'image/png');
});

test('a signed download is named as asked', async (context) => {
  const { files } = await withFox(context);
  for (const transform of [undefined, { width: 64 }]) {
    const disposition = async (download) => {
      const { signedUrl } = ok(await files.createSignedUrl('a/fox.png', 600, { download, transform }));
      return (await shown(signedUrl)).headers.get('content-disposition');
    };
    assert.equal(await disposition(undefined), null);
    assert.match(await disposition(true), /^attachment/);
    assert.match(await disposition('my fox.png'), /^attachment;.*filename\*=UTF-8''my%20fox\.png/);
  }
});

test('many are signed at once, each for itself', async (context) => {
  const { bucket, files } = await withFox(context);
  ok(await files.upload('b.txt', 'text'));
  const paths = ['a/fox.png', 'none.png', 'b.txt', 'bad\\name'];
  const signed = ok(await files.createSignedUrls(paths, 600, { download: 'x' }));
  assert.deepEqual(signed.map(({ path }) => path), paths);
  assert.deepEqual(signed.map(({ error }) => error), [null, NOT_THERE, null, NOT_THERE]);
  assert.deepEqual(signed.map(({ signedUrl }) => signedUrl === null), [false, true, false, true]);
  const answer = await shown(signed[0].signedUrl);
  assert.deepEqual(answer.body, fox);
  assert.match(answer.headers.get('content-disposition'), /^attachment/);
  assert.equal((await shown(signed[2].signedUrl)).body.toString(), 'text');
  const stranger = ok(await asAnyone(server.url).from(bucket).createSignedUrls(['a/fox.png'], 600));
  assert.deepEqual(stranger.map(({ error, signedUrl }) => [error, signedUrl]), [[NOT_THERE, null]]);
});

test('what cannot be signed is refused', async (context) => {
  const { bucket, files } = await withFox(context);
  assertRefused(await files.createSignedUrl('none.png', 600), '404', 'Object not found');
  assertRefused(await files.createSignedUrl('a/fox.png', 0), '400', 'body/expiresIn must be >= 1');
  assertRefused(await files.createSignedUrls([], 600), '400', 'body/paths must NOT have fewer than 1 items');
  assertRefused(await asAnyone(server.url).from(bucket).createSignedUrl('a/fox.png', 600), '404', 'Object not found');
  const missing = "headers must have required property 'authorization'";
  assertRefused(await storageAlone(server.url).from(bucket).createSignedUrl('a/fox.png', 600), '400', missing);
});

test('a signed URL that was changed, has ended, or is for something else opens nothing', async (context) => {
  const { bucket, files } = await withFox(context);
  ok(await files.upload('other.png', fox, { contentType: 'image/png' }));
  const { signedUrl } = ok(await files.createSignedUrl('a/fox.png', 600));
  const mismatch = ['400', 'InvalidSignature', 'Invalid signature'];
  assert.deepEqual(await refusal(signedUrl.replace('a/fox.png', 'other.png')), mismatch);
  const forged = async (claims, secret) => signedUrl.replace(/token=.*/, `token=${await token(claims, secret)}`);
  const url = `${bucket}/a/fox.png`;
  const bad = ['400', 'InvalidJWT', 'signature verification failed'];
  const strangers = await forged({ url, scope: 'download' }, 'a secret that nobody here believes in');
  assert.deepEqual(await refusal(strangers), bad);
  const now = Math.floor(Date.now() / 1000);
  const ended = ['400', 'InvalidJWT', '"exp" claim timestamp check failed'];
  assert.deepEqual(await refusal(await forged({ url, scope: 'download', iat: now - 20, exp: now - 10 })), ended);
  const scope = ['400', 'InvalidSignature', 'Token is not scoped for download'];
  assert.deepEqual(await refusal(await forged({ url, scope: 'upload' })), scope);
  // A caller's token is no object's token, and the other way round.
  assert.deepEqual(await refusal(await forged({ role: 'service_role' })), mismatch);
  const asCaller = storageAlone(server.url, { authorization: `Bearer ${tokenOf(signedUrl)}` });
  assert.deepEqual(ok(await asCaller.from(bucket).list()), []);
  assert.deepEqual((await refusal(`${signedUrl.split('?')[0]}`))[0], '400');
  assert.deepEqual((await refusal(`${signedUrl}x`)).slice(0, 2), ['400', 'InvalidJWT']);
});

test('tokens of older storage servers, without a scope, still open their object', async (context) => {
  const { bucket } = await withFox(context);
  const key = new TextEncoder().encode(SECRET);
  const old = await new SignJWT({ url: `${bucket}/a/fox.png` }).setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt().setExpirationTime('1h').sign(key);
  assert.deepEqual((await shown(`${server.url}/storage/v1/object/sign/${bucket}/a/fox.png?token=${old}`)).body, fox);
});

test('a signed upload is for one object, once, by whoever has the token', async () => {
  const user = await newUser();
  const own = signedIn(server.url, user.token).from('kinkster-avatars');
  const path = `${user.id}/signed.png`;
  const signed = ok(await own.createSignedUploadUrl(path));
  assert.equal(signed.path, path);
  assert.equal(tokenOf(signed.signedUrl), signed.token);
  const stranger = storageAlone(server.url).from('kinkster-avatars');
  const body = () => new Blob([fox], { type: 'image/png' });
  const mismatch = await stranger.uploadToSignedUrl(`${user.id}/else.png`, signed.token, body());
  assertRefused(mismatch, '400', 'Invalid signature');
  const made = ok(await stranger.uploadToSignedUrl(path, signed.token, body(), { cacheControl: '9' }));
  assert.deepEqual([made.path, made.fullPath], [path, `kinkster-avatars/${path}`]);
  assert.deepEqual(Buffer.from(await ok(await own.download(path)).arrayBuffer()), fox);
  assert.equal(ok(await own.info(path)).cacheControl, 'max-age=9');
  const again = await stranger.uploadToSignedUrl(path, signed.token, body(), { upsert: true });
  assertRefused(again, '409', 'The resource already exists');
  assertRefused(await own.createSignedUploadUrl(path), '409', 'The resource already exists');
  const [removed] = ok(await service.from('kinkster-avatars').remove([path]));
  assert.equal(removed.owner_id, user.id);
});

test('a signed upload with upsert replaces, as often as its token is good', async (context) => {
  const { files } = await withFox(context);
  const signed = ok(await files.createSignedUploadUrl('a/fox.png', { upsert: true }));
  for (const text of ['one', 'two']) {
    ok(await files.uploadToSignedUrl('a/fox.png', signed.token, text, { contentType: 'text/plain' }));
    assert.equal(await ok(await files.download('a/fox.png')).text(), text);
  }
  const reading = ok(await files.createSignedUrl('a/fox.png', 600));
  const wrong = await files.uploadToSignedUrl('a/fox.png', tokenOf(reading.signedUrl), 'three');
  assertRefused(wrong, '400', 'Token is not scoped for upload');
  assertRefused(await files.uploadToSignedUrl('a/fox.png', 'nonsense', 'three'), '400', 'Invalid Compact JWS');
});

test('an upload is signed only for those who may write there', async () => {
  const [user, other] = [await newUser(), await newUser()];
  const denied = 'new row violates row-level security policy';
  for (const stranger of [signedIn(server.url, other.token), asAnyone(server.url)]) {
    assertRefused(await stranger.from('kinkster-avatars').createSignedUploadUrl(`${user.id}/a.png`), '403', denied);
  }
  assertRefused(await service.from('not-a-bucket').createSignedUploadUrl('a.png'), '404', 'Bucket not found');
});
