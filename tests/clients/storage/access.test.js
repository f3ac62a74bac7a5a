// Who may do what by default: a signed-in user everything in the folder of that name, others nothing. And what a token
// or a key has to be like.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SignJWT, UnsecuredJWT, generateKeyPair } from 'jose';
import {
  asAnyone, asService, assertRefused, bytes, fixture, get, makeBucket, ok, signedIn, storageAlone, withKey,
} from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { ANON, PUBLISHABLE_KEY, SECRET_KEY, SERVICE, expired, newUser, token } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);
const fox = fixture('photos/avatar-fox.png');
const PNG = { contentType: 'image/png' };
const DENIED = 'new row violates row-level security policy';
const MISSING = 'Object not found';

/** A new user with a picture in the bucket: {user, path, files}; the picture goes after the test. */
async function owner(context, bucket) {
  const user = await newUser();
  const path = `${user.id}/own.png`;
  const files = signedIn(server.url, user.token).from(bucket);
  ok(await files.upload(path, fox, PNG));
  context.after(() => service.from(bucket).remove([path]));
  return { user, path, files };
}

for (const bucket of ['kinkster-avatars', 'task-proofs']) {
  test(`in ${bucket} a user's folder is theirs`, async (context) => {
    const { user, path, files } = await owner(context, bucket);
    ok(await files.upload(path, fox, { ...PNG, upsert: true }));
    ok(await files.update(path, fox, PNG));
    assert.deepEqual(ok(await files.list(user.id)).map(({ name }) => name), ['own.png']);
    ok(await files.copy(path, `${user.id}/copy.png`));
    ok(await files.move(`${user.id}/copy.png`, `${user.id}/moved.png`));
    ok(await files.createSignedUrl(path, 60));
    const [removed] = ok(await files.remove([`${user.id}/moved.png`]));
    assert.equal(removed.owner_id, user.id);
  });

  test(`in ${bucket} the folders of others are closed`, async (context) => {
    const { user, path } = await owner(context, bucket);
    const other = await newUser();
    const strangers = [signedIn(server.url, other.token), asAnyone(server.url), withKey(server.url, PUBLISHABLE_KEY)];
    for (const stranger of strangers) {
      const files = stranger.from(bucket);
      assertRefused(await files.upload(`${user.id}/new.png`, fox, PNG), '403', DENIED);
      assertRefused(await files.upload(path, fox, PNG), '403', DENIED);
      assertRefused(await files.upload(path, fox, { ...PNG, upsert: true }), '403', DENIED);
      assertRefused(await files.update(path, fox, PNG), '403', DENIED);
      assertRefused(await files.upload('top-level.png', fox, PNG), '403', DENIED);
      assertRefused(await files.move(path, `${other.id}/stolen.png`), '404', MISSING);
      assertRefused(await files.copy(path, `${other.id}/stolen.png`), '404', MISSING);
      assertRefused(await files.createSignedUrl(path, 60), '404', MISSING);
      assert.deepEqual(ok(await files.list(user.id)), []);
      assert.deepEqual(ok(await files.remove([path])), []);
    }
    assert.deepEqual(await bytes(ok(await service.from(bucket).download(path))), fox);
    assert.equal(ok(await service.from(bucket).info(path)).bucketId, bucket);
  });
}

test('a user gives nothing into the folders of others', async (context) => {
  const { path, files } = await owner(context, 'kinkster-avatars');
  const other = await newUser();
  assertRefused(await files.copy(path, `${other.id}/gift.png`), '403', DENIED);
  assertRefused(await files.move(path, `${other.id}/gift.png`), '403', DENIED);
  const within = await makeBucket(context, service);
  assertRefused(await files.copy(path, 'gift.png', { destinationBucket: within }), '403', DENIED);
  assert.deepEqual(await bytes(ok(await files.download(path))), fox);
});

test('avatars are for all to see, proofs for nobody else', async (context) => {
  const [avatar, proof] = [await owner(context, 'kinkster-avatars'), await owner(context, 'task-proofs')];
  const anyone = asAnyone(server.url);
  assert.equal((await get(anyone.from('kinkster-avatars').getPublicUrl(avatar.path).data.publicUrl)).status, 200);
  assert.equal((await get(anyone.from('task-proofs').getPublicUrl(proof.path).data.publicUrl)).status, 400);
  assertRefused(await anyone.from('task-proofs').download(proof.path), '404', MISSING);
  assert.deepEqual(await bytes(ok(await proof.files.download(proof.path))), fox);
  const { signedUrl } = ok(await proof.files.createSignedUrl(proof.path, 60));
  assert.deepEqual((await get(signedUrl)).body, fox);
});

test('the service role may do everything everywhere', async (context) => {
  const { path, user } = await owner(context, 'task-proofs');
  for (const service of [withKey(server.url, SERVICE), withKey(server.url, SECRET_KEY)]) {
    const proofs = service.from('task-proofs');
    assert.deepEqual(await bytes(ok(await proofs.download(path))), fox);
    ok(await proofs.upload(`${user.id}/more.png`, fox, PNG));
    ok(await proofs.move(`${user.id}/more.png`, `${user.id}/moved.png`));
    assert.equal(ok(await proofs.remove([`${user.id}/moved.png`])).length, 1);
    assert.ok(ok(await service.listBuckets()).some(({ name }) => name === 'task-proofs'));
  }
});

test('a user is a user beside whatever `apikey` the page has', async (context) => {
  const { user, path } = await owner(context, 'task-proofs');
  for (const key of [ANON, PUBLISHABLE_KEY]) {
    const files = signedIn(server.url, user.token, key).from('task-proofs');
    assert.deepEqual(await bytes(ok(await files.download(path))), fox);
  }
});

test('keys that are no tokens are known by `apikey` or as a Bearer', async () => {
  for (const headers of [{ apikey: SECRET_KEY }, { authorization: `Bearer ${SECRET_KEY}` }]) {
    assert.ok(ok(await storageAlone(server.url, headers).listBuckets()).length >= 2);
  }
  for (const headers of [{ apikey: PUBLISHABLE_KEY }, { authorization: `Bearer ${PUBLISHABLE_KEY}` }]) {
    assert.deepEqual(ok(await storageAlone(server.url, headers).listBuckets()), []);
  }
  for (const unknown of ['sb_secret_0123456789abcdef0123456789', 'sb_publishable_0123456789abcdef0123', 'sb_']) {
    assertRefused(await withKey(server.url, unknown).listBuckets(), '403', 'Invalid API key');
  }
});

const { privateKey } = await generateKeyPair('ES256');
const claims = { role: 'service_role' };
const BAD_SIGNATURE = 'signature verification failed';
const BAD_ALGORITHM = '"alg" (Algorithm) Header Parameter value not allowed';
const OF_UNKNOWN_KEY = new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'x' });
const BAD = [
  ['an expired token', await expired(claims), '"exp" claim timestamp check failed'],
  ['a token of the future', await token({ ...claims, nbf: 4_000_000_000 }), '"nbf" claim timestamp check failed'],
  ['a token of another secret', await token(claims, 'a secret that nobody here believes in'), BAD_SIGNATURE],
  ['a token without a signature', new UnsecuredJWT(claims).encode(), BAD_ALGORITHM],
  ['a token of an unknown key', await OF_UNKNOWN_KEY.sign(privateKey), /key/],
  ['a token whose claims were changed', SERVICE.replace(/\.[^.]+\./, `.${ANON.split('.')[1]}.`), BAD_SIGNATURE],
  ['half a token', SERVICE.split('.').slice(0, 2).join('.'), 'Invalid Compact JWS'],
  ['no token at all', 'nonsense', 'Invalid Compact JWS'],
];

for (const [name, bad, message] of BAD) {
  test(`${name} opens nothing`, async (context) => {
    const { path } = await owner(context, 'task-proofs');
    const client = storageAlone(server.url, { apikey: ANON, authorization: `Bearer ${bad}` });
    const files = client.from('task-proofs');
    assertRefused(await client.listBuckets(), '403', message);
    assertRefused(await files.list(), '403', message);
    assertRefused(await files.download(path), '403', message);
    assertRefused(await files.upload(path, fox, PNG), '403', message);
    assertRefused(await files.remove([path]), '403', message);
    assertRefused(await files.createSignedUrl(path, 60), '403', message);
  });
}

test('a token without a role or without a subject is nobody in particular', async (context) => {
  const { user, path } = await owner(context, 'task-proofs');
  for (const claims of [{ sub: user.id }, { role: 'authenticated' }, { role: 'anon', sub: user.id }]) {
    const files = signedIn(server.url, await token(claims)).from('task-proofs');
    assertRefused(await files.download(path), '404', MISSING);
    assertRefused(await files.upload(`${user.id}/x.png`, fox, PNG), '403', DENIED);
  }
});

test('parts of the API that are not here say so', async () => {
  const { data, error } = await service.vectors.listBuckets();
  assert.deepEqual([data, error.status, error.statusCode], [null, 404, '404']);
  assert.equal(error.message, 'Route POST:/storage/v1/vector/ListVectorBuckets not found');
});
