// Overwritten is overwritten: whoever asks next, in whatever dialect and size, gets what was made of the new picture.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { asService, fixture, fresh, ok, shown, signedIn } from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);

const BUCKET = 'kinkster-avatars';
const WIDTHS = [64, 128, 256];
const ACCEPTS = ['*/*', 'image/avif,image/webp,*/*'];
const PNG = { contentType: 'image/png' };

const user = await newUser();
const files = signedIn(server.url, user.token).from(BUCKET);
const service = asService(server.url);
const path = (name) => `${user.id}/${name}`;

/** Every URL under which an app may show this object. */
function urls(path) {
  const encoded = encodeURIComponent(`/${BUCKET}/${path}`);
  const sized = WIDTHS.flatMap((width) => [
    `${server.url}/image/${BUCKET}/${path}?w=${width}`,
    `${server.url}/image/${BUCKET}/${path}?w=${width}&h=${width / 2}&fit=contain`,
    `${server.url}/_next/image?url=${encoded}&w=${width}&q=75`,
    files.getPublicUrl(path, { transform: { width } }).data.publicUrl,
    files.getPublicUrl(path, { transform: { width, height: width, resize: 'fill', quality: 60 } }).data.publicUrl,
  ]);
  return [...sized, files.getPublicUrl(path).data.publicUrl, `${server.url}/image/${BUCKET}/${path}`];
}

async function everySight(path) {
  const sights = urls(path).flatMap((url) => ACCEPTS.map((accept) => [url, accept]));
  const bodies = await Promise.all(sights.map(async ([url, accept]) => (await shown(url, { accept })).body));
  return bodies.map((body, index) => ({ body, about: sights[index].join(' as ') }));
}

function assertSame(seen, expected, round) {
  assert.equal(seen.length, expected.length);
  seen.forEach(({ body, about }, index) => assert.ok(body.equals(expected[index].body), `${round}: ${about} is stale`));
}

/** Ways in which an object becomes another picture. */
const OVERWRITES = {
  'upload with upsert': async (path, body) => ok(await files.upload(path, body, { ...PNG, upsert: true })),
  'upload of a form with upsert': async (path, body) =>
    ok(await files.upload(path, new Blob([body], { type: 'image/png' }), { upsert: true })),
  'update': async (path, body) => ok(await files.update(path, body, PNG)),
  'signed upload': async (path, body) => {
    const { token } = ok(await files.createSignedUploadUrl(path, { upsert: true }));
    ok(await files.uploadToSignedUrl(path, token, body, PNG));
  },
  'removal and upload': async (path, body) => {
    ok(await files.remove([path]));
    ok(await files.upload(path, body, PNG));
  },
  'removal and move': async (path, body) => {
    const aside = `${user.id}/${fresh('aside')}.png`;
    ok(await files.upload(aside, body, PNG));
    ok(await files.remove([path]));
    ok(await files.move(aside, path));
  },
  'removal and copy': async (path, body) => {
    const aside = `${user.id}/${fresh('aside')}.png`;
    ok(await files.upload(aside, body, PNG));
    ok(await files.remove([path]));
    ok(await files.copy(aside, path));
  },
};

test('overwritten avatar is the new picture on the very next request in every dialect and size', async (context) => {
  context.after(async () => {
    const names = ok(await service.from(BUCKET).list(user.id)).map(({ name }) => path(name));
    ok(await service.from(BUCKET).remove(names));
  });
  const pictures = ['golden/avatar-fox-256.png', 'golden/coffee-cup-256.png'].map(fixture);
  // What each picture looks like is learnt from objects that are never overwritten.
  const expected = [];
  for (const [index, body] of pictures.entries()) {
    ok(await files.upload(path(`reference-${index}.png`), body, PNG));
    expected.push(await everySight(path(`reference-${index}.png`)));
  }
  expected[0].forEach(({ body, about }, index) => assert.ok(!body.equals(expected[1][index].body), about));

  ok(await files.upload(path('avatar.png'), pictures[0], PNG));
  assertSame(await everySight(path('avatar.png')), expected[0], 'first upload');
  let round = 0;
  for (const [name, overwrite] of Object.entries(OVERWRITES)) {
    for (let again = 0; again < 2; again += 1) {
      round += 1;
      await overwrite(path('avatar.png'), pictures[round % 2]);
      assertSame(await everySight(path('avatar.png')), expected[round % 2], `${name}, round ${round}`);
    }
  }
});
