import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { signUrl, SigningError } from '../src/server.js';

const key = { id: 'k1', secret: 'a secret of the tests with 32 bytes or more' };
// The beginning of a window of 360 s.
const NOW = 1_000_000_080_000;

test('the signature is plain HMAC-SHA256 over path and query', async () => {
  const tag = createHmac('sha256', key.secret).update('/image/photos/a.jpg?w=256&exp=2000000000').digest('base64url');
  expect(await signUrl('/image/photos/a.jpg?w=256', { key, expires: 2_000_000_000 }))
    .toBe(`/image/photos/a.jpg?w=256&exp=2000000000&sig=k1.${tag}`);
  expect(await signUrl('https://images.example.com/image/photos/a.jpg?w=256', { key, expires: 2_000_000_000 }))
    .toBe(`https://images.example.com/image/photos/a.jpg?w=256&exp=2000000000&sig=k1.${tag}`);
});

test('what is signed is spelt as browsers spell it', async () => {
  const url = await signUrl('/image/photos/a b/ü.jpg#part', { key, expires: 2_000_000_000 });
  expect(url).toMatch(/^\/image\/photos\/a%20b\/%C3%BC\.jpg\?exp=2000000000&sig=k1\.[\w-]{43}$/);
});

test('for a tenth of its life a URL stays the same, and it lives as long as was asked', async () => {
  const at = (seconds: number, expiresIn: number) => signUrl('/image/a/b', { key, now: NOW + seconds * 1000, expiresIn });
  expect(await at(0, 3600)).toBe(await at(100, 3600));
  expect(await at(0, 3600)).not.toBe(await at(400, 3600));
  for (const [seconds, expiresIn] of [[0, 1], [7, 19], [359, 3600], [599, 86_400]] as const) {
    const end = Number(/exp=(\d+)/.exec(await at(seconds, expiresIn))![1]);
    const lives = end - (NOW / 1000 + seconds);
    expect(lives).toBeGreaterThanOrEqual(expiresIn);
    expect(lives - expiresIn).toBeLessThan(Math.min(Math.max(expiresIn / 10, 1), 600));
  }
});

test.each([
  ['a short secret', '/image/a/b', { key: { id: 'k1', secret: 'short' } }],
  ['a key id with a dot', '/image/a/b', { key: { ...key, id: 'a.b' } }],
  ['no URL', 'image/a/b', { key }],
  ['somebody’s else host', '//elsewhere.example/a', { key }],
  ['the same by the other slash', '/\\elsewhere.example/a', { key }],
  ['no web address', 'javascript:alert(1)', { key }],
  ['a URL that is signed already', '/image/a/b?exp=1&sig=k1.x', { key }],
  ['an end that is no time', '/image/a/b', { key, expires: Number.NaN }],
  ['a life of nothing', '/image/a/b', { key, expiresIn: 0 }],
])('%s is refused', async (_, url, options) => {
  await expect(signUrl(url, options)).rejects.toThrow(SigningError);
});
