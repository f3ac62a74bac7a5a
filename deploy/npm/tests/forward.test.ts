import { gzipSync } from 'node:zlib';
import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { forward, type ForwardOptions } from '../src/server.js';
import { scripted, type Answer, type Scripted } from './support/http.js';

let server: Scripted;
let headers: IncomingHttpHeaders;
const serve = async (answer: Answer = (_, response) => response.end('picture')) => {
  server = await scripted((request, response, body) => {
    headers = request.headers;
    return answer(request, response, body);
  });
};
afterEach(() => server.stop());

const ask = (path: string, init: RequestInit = {}, options: Partial<ForwardOptions> = {}) =>
  forward(new Request(`https://app.example.com${path}`, init), { base: server.url, ...options });

test('a picture is asked for as the browser asked, and answered as tintype answered', async () => {
  await serve((_, response) => response.writeHead(200, { 'content-type': 'image/webp', etag: '"a"', 'set-cookie': 'a=b', 'cache-control': 'max-age=60' }).end('picture'));
  const given = { accept: 'image/webp', 'if-none-match': '"b"', cookie: 'session=secret', authorization: 'Bearer secret', 'x-forwarded-for': '1.2.3.4' };
  const answer = await ask('/pictures/image/photos/a%20b.jpg?w=64&f=webp', { headers: given }, { prefix: '/pictures' });
  expect(server.asked).toEqual(['GET /image/photos/a%20b.jpg?w=64&f=webp']);
  expect([headers.accept, headers['if-none-match'], headers.cookie, headers.authorization, headers['x-forwarded-for']])
    .toEqual(['image/webp', '"b"', undefined, undefined, undefined]);
  expect([answer.status, await answer.text(), answer.headers.get('etag'), answer.headers.get('set-cookie'), answer.headers.get('cache-control')])
    .toEqual([200, 'picture', '"a"', null, 'max-age=60']);
});

test('a token goes along only where the handler says so', async () => {
  await serve();
  await ask('/image/a/b', { headers: { authorization: 'Bearer own', cookie: 'a=b' } }, { credentials: true });
  expect([headers.authorization, headers.cookie]).toEqual(['Bearer own', undefined]);
  await ask('/image/a/b', { headers: { authorization: 'Bearer own' } }, { headers: { authorization: 'Bearer ours' } });
  expect(headers.authorization).toBe('Bearer ours');
});

test('nothing but public pictures is asked for', async () => {
  await serve();
  for (const path of ['/admin/usage', '/image/../admin/usage', '/image/%2e%2e/admin/usage', '/image/..%2fadmin', '/image/..\\..\\admin', '/storage/v1/bucket', '/', '/imagery/a', '//elsewhere.example/image/a']) {
    expect((await ask(path)).status, path).toBe(404);
  }
  const post = await ask('/image/a/b', { method: 'POST', body: 'x' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect(server.asked).toEqual([]);
});

test('an upload is passed on where the handler allows it', async () => {
  await serve((_, response, body) => response.writeHead(201).end(body));
  const options = { methods: ['POST'], paths: ['/storage/v1/object/'], credentials: true };
  const answer = await ask('/storage/v1/object/b/a.txt', { method: 'POST', body: 'bytes', headers: { 'content-type': 'text/plain' } }, options);
  expect([answer.status, await answer.text(), headers['content-type']]).toEqual([201, 'bytes', 'text/plain']);
});

test('304, HEAD and redirects stay what they are', async () => {
  await serve((request, response) => response.writeHead(request.headers['if-none-match'] ? 304 : 302, { location: 'http://169.254.169.254/' }).end());
  expect((await ask('/image/a/b', { headers: { 'if-none-match': '"a"' } })).status).toBe(304);
  const redirect = await ask('/image/a/b');
  expect([redirect.status, redirect.headers.get('location')]).toEqual([302, 'http://169.254.169.254/']);
  expect((await ask('/image/a/b', { method: 'HEAD' })).status).toBe(302);
});

test('what was encoded for the way is not said to be encoded still', async () => {
  const body = gzipSync('x'.repeat(1000));
  await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body));
  const answer = await ask('/image/a/b');
  expect([await answer.text(), answer.headers.get('content-encoding'), answer.headers.get('content-length')]).toEqual(['x'.repeat(1000), null, null]);
});

test('a tintype that is away, or silent, is a gateway’s fault and is not cached', async () => {
  await serve(() => new Promise(() => {}));
  const late = await ask('/image/a/b', {}, { timeout: 50 });
  expect([late.status, late.headers.get('cache-control')]).toEqual([504, 'no-store']);
  const { url } = server;
  await server.stop();
  expect((await ask('/image/a/b', {}, { base: url })).status).toBe(502);
});

test('a browser that leaves ends the question', async () => {
  let closed: Promise<void> | undefined;
  await serve((_, response) => { closed = new Promise((resolve) => { response.on('close', resolve); }); return new Promise(() => {}); });
  const leaving = new AbortController();
  const asked = ask('/image/a/b', { signal: leaving.signal });
  while (!closed) await new Promise((resolve) => { setTimeout(resolve, 5); });
  leaving.abort(new Error('gone'));
  await expect(asked).rejects.toThrow('gone');
  await closed;
});
