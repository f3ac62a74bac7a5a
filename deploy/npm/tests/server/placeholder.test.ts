// What the real server says of a picture is what the package takes for a placeholder.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeholder } from '../../src/server.js';
import { startTintype, type Server } from '../support/tintype.js';

const photos = readdirSync(join(import.meta.dirname, '../../../../fixtures/photos')).filter((name) => /\.(png|jpe?g|webp|gif|avif)$/.test(name));

let server: Server;
beforeAll(async () => { server = await startTintype(); });
afterAll(() => server?.stop());

test.each(photos)('%s has a placeholder in all its forms', async (name) => {
  const { width, height, color, lqip, blurDataURL } = await placeholder(`photos/${name}`, { base: server.url, timeout: 60_000 });
  expect([width, height].every((side) => side > 1)).toBe(true);
  expect([color, lqip.slice(0, 23), blurDataURL]).toEqual([expect.stringMatching(/^#[\da-f]{6}$/), 'data:image/webp;base64,', lqip]);
});

test('a picture that is not there has none', async () => {
  await expect(placeholder('photos/none.png', { base: server.url })).rejects.toMatchObject({ name: 'PlaceholderError', status: 404 });
});
