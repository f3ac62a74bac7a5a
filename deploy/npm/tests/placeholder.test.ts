import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { placeholder, PlaceholderError } from '../src/index.js';
import { json, scripted, type Answer, type Scripted } from './support/http.js';

const SOUND = {
  width: 1200, height: 800, color: '#a1b2c3', blurhash: 'LEHV6nWB2yk8pyo0adR*.7kCMdnj', thumbhash: '1QcSHQRnh493V4dIh4eXh1h4kJUI',
  lqip: 'data:image/webp;base64,UklGRhIAAABXRUJQVlA4TAYAAAAvQWxvAGs=',
};

let server: Scripted;
const serve = async (answer: Answer) => { server = await scripted(answer); };
afterEach(() => server.stop());

const asking = (options = {}) => placeholder('photos/cats/a b.jpg', { base: server.url, ...options });
const faultOf = async (asked: Promise<unknown>) => {
  const fault = await asked.then(() => expect.fail('there is a placeholder'), (fault: unknown) => fault);
  expect(fault).toBeInstanceOf(PlaceholderError);
  return fault as PlaceholderError;
};

test('a placeholder comes with all its forms', async () => {
  await serve((_, response) => json(response, 200, { ...SOUND, more: 'later' }));
  expect(await asking()).toEqual({ ...SOUND, blurDataURL: SOUND.lqip });
  await asking({ version: 'v1' });
  expect(server.asked).toEqual(['GET /image/photos/cats/a%20b.jpg?f=json', 'GET /image/photos/cats/a%20b.jpg?f=json&v=v1']);
});

test('a refusal is told with its status and reason', async () => {
  await serve((_, response) => json(response, 404, { title: 'Not Found', detail: 'there is no such object', status: 404 }));
  const fault = await faultOf(asking());
  expect([fault.status, fault.message]).toEqual([404, '404: there is no such object']);
});

test.each([
  ['no JSON', (response: ServerResponse) => response.end('<html>')],
  ['null', (response: ServerResponse) => response.end('null')],
  ['no side', (response: ServerResponse) => json(response, 200, { ...SOUND, width: '1200' })],
  ['a side of nothing', (response: ServerResponse) => json(response, 200, { ...SOUND, height: 0 })],
  ['a colour that is a style', (response: ServerResponse) => json(response, 200, { ...SOUND, color: 'red;background:url(//x)' })],
  ['a picture that is a page', (response: ServerResponse) => json(response, 200, { ...SOUND, lqip: 'data:text/html;base64,AAAA' })],
  ['a picture that is elsewhere', (response: ServerResponse) => json(response, 200, { ...SOUND, lqip: 'https://elsewhere.example/a.webp' })],
  ['a picture that ends its attribute', (response: ServerResponse) => json(response, 200, { ...SOUND, lqip: `${SOUND.lqip}" onload="` })],
  ['far too much', (response: ServerResponse) => response.end('x'.repeat(200_000))],
])('an answer with %s is refused', async (_, answer) => {
  await serve((_, response) => answer(response));
  expect((await faultOf(asking())).status).toBe(200);
});

test('a server that does not answer is not waited for', async () => {
  await serve(() => new Promise(() => {}));
  expect((await faultOf(asking({ timeout: 50 }))).message).toBe('no placeholder within 50 ms');
  const given = new AbortController();
  given.abort(new Error('the page is gone'));
  expect((await faultOf(asking({ signal: given.signal }))).message).toBe('the page is gone');
});

test('what names no object is not asked for', async () => {
  await serve((_, response) => json(response, 200, SOUND));
  await expect(placeholder('https://elsewhere.example/a.png', { base: server.url })).rejects.toThrow(TypeError);
  expect(server.asked).toEqual([]);
});
