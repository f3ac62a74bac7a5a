// What the package asks for, the real server answers.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLoader, imageUrl, srcSet, type Dialect } from '../../src/index.js';
import { forward, signUrl } from '../../src/server.js';
import { fixture, pngSize, startTintype, upload, type Server } from '../support/tintype.js';

const key = { id: 'k1', secret: 'a secret of the tests with 32 bytes or more' };

let open: Server;
let closed: Server;
beforeAll(async () => {
  [open, closed] = await Promise.all([
    startTintype(),
    startTintype({ TINTYPE_SIGNING__KEYS__K1: key.secret, TINTYPE_BUCKETS__PHOTOS__TRANSFORMS: 'signed' }),
  ]);
  await upload(open, 'kinkster-avatars/ann/kinksters/avatar_1.png');
});
afterAll(async () => { await Promise.all([open?.stop(), closed?.stop()]); });

async function size(url: string): Promise<[number, number]> {
  // Native URLs would be JPEG, whose size is harder to read.
  const asked = /\/\/[^/]+\/image\//.test(url) && !/[?&](?:f|sig)=/.test(url) ? `${url}&f=png` : url;
  const answer = await fetch(asked, { headers: { accept: 'image/png' } });
  expect(answer.status, `${url}: ${answer.ok ? '' : await answer.clone().text()}`).toBe(200);
  return pngSize(await answer.arrayBuffer());
}

const natural = pngSize(new Uint8Array(fixture('photos/avatar-fox.png')).buffer);
const width = 256;

test.each<Dialect>(['native', 'supabase', 'next'])('the loader’s URLs scale in proportion and never crop: %s', async (dialect) => {
  const load = createLoader({ base: open.url, dialect });
  const height = Math.round(natural[1] * width / natural[0]);
  const sources = ['kinkster-avatars/ann/kinksters/avatar_1.png', `${open.url}/storage/v1/object/public/kinkster-avatars/ann/kinksters/avatar_1.png?v=1`, 'photos/avatar-fox.png'];
  for (const src of sources) expect(await size(load({ src, width })), src).toEqual([width, height]);
  // Never enlarged.
  expect(await size(load({ src: 'photos/avatar-fox.png', width: 3840 }))).toEqual(natural);
});

test('an object with spaces is found by its name', async () => {
  await upload(open, 'kinkster-avatars/ann/a%20b.png');
  for (const dialect of ['native', 'supabase', 'next'] as const) {
    expect((await size(createLoader({ base: open.url, dialect })({ src: 'kinkster-avatars/ann/a b.png', width: 64 })))[0], dialect).toBe(64);
  }
});

test('every parameter of a URL is one that the server knows', async () => {
  const parameters = { width: 100, height: 80, fit: 'cover', quality: 60, format: 'png', dpr: 2, gravity: 'fp:0.5,0.25', blur: 1, background: '#ff8800', frame: 0, download: 'fox.png' } as const;
  const url = imageUrl('photos/avatar-fox.png', parameters, { base: open.url });
  expect(await size(url)).toEqual([200, 160]);
  expect((await fetch(url)).headers.get('content-disposition')).toContain('fox.png');
  const misspelt = await fetch(url.replace('?w=', '?widht='));
  expect(misspelt.status, 'it would have said so').toBe(400);
});

test('every candidate of a srcset is a picture of its width', async () => {
  const set = srcSet({ src: 'photos/avatar-fox.png', widths: [64, 128], loader: createLoader({ base: open.url, dialect: 'native' }) })!;
  for (const candidate of set.split(', ')) {
    const [url, descriptor] = candidate.split(' ');
    expect(`${(await size(url!))[0]}w`).toBe(descriptor);
  }
});

test('a signed URL is good, and nothing of it can be changed', async () => {
  const url = imageUrl('photos/avatar-fox.png', { width: 64, format: 'png' }, { base: closed.url });
  expect((await fetch(url)).status).toBe(403);
  const signed = await signUrl(url, { key, expiresIn: 600 });
  expect((await size(signed))[0]).toBe(64);
  expect((await fetch(signed.replace('w=64', 'w=65'))).status).toBe(403);
  expect((await fetch(await signUrl(url, { key, expires: 1 }))).status).toBe(403);
  expect((await fetch(await signUrl(url, { key: { ...key, secret: `${key.secret}!` } }))).status).toBe(403);
  const render = createLoader({ base: closed.url })({ src: 'photos/avatar-fox.png', width: 64 });
  expect((await size(await signUrl(render, { key })))[0]).toBe(64);
});

test('a route handler shows pictures from the app’s own origin', async () => {
  const ask = (path: string, headers: Record<string, string> = {}) =>
    forward(new Request(`https://app.example.com${path}`, { headers }), { base: open.url, prefix: '/pictures' });
  const answer = await ask('/pictures/image/photos/avatar-fox.png?w=64', { accept: 'image/webp' });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/webp']);
  await answer.arrayBuffer();
  const again = await ask('/pictures/image/photos/avatar-fox.png?w=64', { accept: 'image/webp', 'if-none-match': answer.headers.get('etag')! });
  expect(again.status).toBe(304);
  expect((await ask('/pictures/image/photos/none.png')).status).toBe(404);
});

test('the README’s own loader and the package’s make the same URLs', async () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../../README.md'), 'utf8');
  const block = readme.split('```js\n').map((rest) => rest.split('```')[0]!).find((block) => block.includes('export default function loader'))!;
  const { default: shown } = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(block)}`) as { default: ReturnType<typeof createLoader> };
  const ours = createLoader({ base: 'https://images.example.com', dialect: 'native', bucket: 'photos' });
  for (const src of ['/cats/a.jpg', 'cats/a.jpg']) {
    for (const quality of [undefined, 90]) expect(ours({ src, width: 640, quality })).toBe(shown({ src, width: 640, quality }));
  }
});
