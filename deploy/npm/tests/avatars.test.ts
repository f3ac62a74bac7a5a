import { afterEach, beforeEach, expect, test } from 'vitest';
import { AvatarGeneration, type AvatarOptions } from '../src/avatars.js';
import { EventParser } from '../src/avatars/stream.js';
import { json } from './support/http.js';
import { eventually, JOB, KINKSTER, studio, told, until, URL_OF_AVATAR, USER, type Studio } from './support/avatars.js';

let server: Studio;
let ends: string[];
const generations: AvatarGeneration[] = [];
beforeEach(async () => {
  server = await studio();
  ends = [];
});
afterEach(async () => {
  generations.splice(0).forEach((generation) => generation.start()());
  await server.stop();
});

function make(options: Partial<AvatarOptions> = {}): AvatarGeneration {
  const generation = new AvatarGeneration({
    base: server.url, accessToken: () => 'token', userId: USER, resume: false,
    onComplete: (url) => ends.push(`completed ${url}`), onError: (error) => ends.push(`error ${error}`), ...options,
  });
  generations.push(generation);
  return generation;
}

const over = (generation: AvatarGeneration) => until(generation, (state) => !state.isGenerating);

test('it joins, then asks, and tells every state to the end', async () => {
  const generation = make({ kinksterId: KINKSTER });
  const seen: (string | undefined)[] = [];
  generation.subscribe(() => {
    const status = generation.state.progress?.status;
    if (seen.at(-1) !== status) seen.push(status);
  });
  await generation.generate({ name: 'Rook', props: { clothing: { top: ['red coat'] } } }, 'at dawn');
  expect(server.asked).toEqual([`GET /api/avatars/events?kinkster_id=${KINKSTER}`, 'POST /functions/v1/generate-kinkster-avatar']);
  expect(server.orders[0]!.body).toEqual({ user_id: USER, kinkster_id: KINKSTER, character_data: { name: 'Rook', props: { clothing: { top: ['red coat'] } } }, custom_prompt: 'at dawn' });
  expect(server.orders[0]!.headers).toMatchObject({ authorization: 'Bearer token', 'idempotency-key': expect.stringMatching(/^[\da-f]{32}$/) });
  expect(generation.state).toMatchObject({ isGenerating: true, isConnected: true, jobId: JOB });
  ['generating', 'downloading', 'uploading', 'completed'].forEach((status, at) => server.tell(told(status, at + 1)));
  expect(await over(generation)).toMatchObject({ storageUrl: URL_OF_AVATAR, error: null, progress: { status: 'completed', progress: 1 }, isConnected: false });
  expect(seen).toEqual(['generating', 'downloading', 'uploading', 'completed']);
  expect(ends).toEqual([`completed ${URL_OF_AVATAR}`]);
  await eventually(() => server.streams.size === 0);
});

test('what is told before the answer is not lost, and what is told of other jobs is not ours', async () => {
  const generation = make();
  server.order = async (response) => {
    server.tell(told('completed', 7, { job_id: '01990e0a-0000-7000-8000-000000000000', storage_url: 'https://elsewhere.example/old.png' }));
    server.tell(told('generating', 1));
    server.tell(told('completed', 4));
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    json(response, 202, { job_id: JOB });
  };
  await generation.generate({ name: 'Rook' });
  expect((await over(generation)).storageUrl).toBe(URL_OF_AVATAR);
});

test('an older state that comes late is dropped', async () => {
  const generation = make();
  await generation.generate({ name: 'Rook' });
  server.tell(told('uploading', 5));
  server.tell(told('generating', 1));
  server.tell({ status: 'nonsense' });
  server.tell(told('uploading', 6, { message: 'the last' }));
  const state = await until(generation, ({ progress }) => progress?.message === 'the last');
  expect(state.progress?.status).toBe('uploading');
});

test('an error is told as text, whatever it came as', async () => {
  const generation = make();
  for (const [error, text] of [['The provider refused', 'The provider refused'], [{ message: 'an object' }, 'an object'], [{}, 'Unknown error']]) {
    await generation.generate({ name: 'Rook' });
    server.tell(told('error', 2, { error }));
    expect(await over(generation)).toMatchObject({ error: text, storageUrl: null, progress: { status: 'error', error: text } });
    expect(ends.pop()).toBe(`error ${text as string}`);
  }
});

test('a refusal is told with what the server says to it', async () => {
  const generation = make();
  server.order = (response) => json(response, 429, { error: 'Rate limit exceeded. Please try again later.', details: { quota: 'user_day' } }, { 'retry-after': '90' });
  await generation.generate({ name: 'Rook' });
  expect(generation.state).toMatchObject({ isGenerating: false, error: 'Rate limit exceeded. Please try again later.', fault: { status: 429, retryAfter: 90, details: { quota: 'user_day' } } });
  expect(ends).toEqual(['error Rate limit exceeded. Please try again later.']);
  server.order = (response) => response.writeHead(502).end('<html>');
  await generation.generate({ name: 'Rook' });
  expect(generation.state.error).toBe('The server answered 502');
});

test('an answer that is lost is asked for by the same key', async () => {
  const generation = make();
  const order = server.order;
  server.order = (response) => {
    server.order = order;
    response.destroy();
  };
  await generation.generate({ name: 'Rook' });
  expect(server.orders).toHaveLength(2);
  expect(new Set(server.orders.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  server.tell(told('completed', 2));
  await over(generation);
});

test('two presses are one job', async () => {
  const generation = make();
  await Promise.all([generation.generate({ name: 'Rook' }), generation.generate({ name: 'Rook' })]);
  expect(server.orders).toHaveLength(1);
});

test('a stream that breaks is opened again after the last event that came', async () => {
  const generation = make();
  server.row = told('generating', 1);
  await generation.generate({ name: 'Rook' });
  server.tell(told('generating', 1));
  await until(generation, ({ progress }) => progress?.seq === 1);
  server.cut();
  await until(generation, ({ isConnected }) => !isConnected);
  await until(generation, ({ isConnected }) => isConnected);
  expect(server.asked.filter((line) => line.includes('/events')).at(-1)).toBe('GET /api/avatars/events?last_event_id=1');
  server.tell(told('completed', 4));
  expect((await over(generation)).storageUrl).toBe(URL_OF_AVATAR);
});

test('what is told to nobody is found in the row', async () => {
  server.refuseStream = 404;
  const generation = make();
  await generation.generate({ name: 'Rook' });
  server.row = told('completed', 4);
  expect((await over(generation)).storageUrl).toBe(URL_OF_AVATAR);
});

test('where nothing is told and there are no rows, waiting has an end', async () => {
  server.refuseStream = 403;
  const generation = make();
  await generation.generate({ name: 'Rook' });
  expect((await over(generation)).error).toBe('Progress is not told here: the server answered 403');
});

test('a session cookie does without a stream', async () => {
  const generation = make({ accessToken: undefined });
  await generation.generate({ name: 'Rook' });
  expect(server.asked).toEqual(['POST /api/avatars/jobs']);
  expect(server.orders[0]!.headers).toMatchObject({ 'content-type': 'application/json' });
  server.row = told('completed', 4);
  await over(generation);
});

test('patience has an end, after a last look', async () => {
  const generation = make({ timeout: 1000 });
  server.row = told('generating', 1);
  await generation.generate({ name: 'Rook' });
  expect((await over(generation)).error).toBe('The avatar did not come in time');
  await generation.generate({ name: 'Rook' });
  server.row = told('completed', 4);
  expect((await over(generation)).storageUrl).toBe(URL_OF_AVATAR);
});

test('a job is cancelled, and nobody is told of an error', async () => {
  const generation = make();
  await generation.generate({ name: 'Rook' });
  server.cancel = (response) => {
    server.tell(told('error', 3, { error: 'The job was cancelled' }));
    json(response, 200, told('error', 3));
  };
  expect(await generation.cancel()).toBe(true);
  expect(server.asked).toContain(`POST /api/avatars/jobs/${JOB}/cancel`);
  expect(generation.state).toMatchObject({ isGenerating: false, progress: null, error: null });
  expect([await generation.cancel(), ends]).toEqual([false, []]);
});

test('a job is cancelled before it is known which it is', async () => {
  const generation = make();
  let answer = () => {};
  server.order = (response) => { answer = () => json(response, 202, { job_id: JOB }); };
  const asked = generation.generate({ name: 'Rook' });
  await eventually(() => server.orders.length === 1);
  const cancelled = generation.cancel();
  answer();
  expect([await cancelled, await asked]).toEqual([true, undefined]);
  expect(server.asked).toContain(`POST /api/avatars/jobs/${JOB}/cancel`);
});

test('what is stored already comes, although it was to be cancelled', async () => {
  const generation = make();
  await generation.generate({ name: 'Rook' });
  server.cancel = (response) => {
    server.row = told('completed', 4);
    json(response, 409, { error: 'The job has ended, or its picture is stored already' });
  };
  expect(await generation.cancel()).toBe(false);
  expect((await over(generation)).storageUrl).toBe(URL_OF_AVATAR);
  expect(ends).toEqual([`completed ${URL_OF_AVATAR}`]);
});

test('the same character is made once more, with another prompt if there is one', async () => {
  const generation = make();
  await generation.regenerate();
  expect([generation.state.error, ends.pop()]).toEqual(['There is nothing to regenerate yet', 'error There is nothing to regenerate yet']);
  for (const again of [() => generation.generate({ name: 'Rook' }, 'at dawn'), () => generation.regenerate(), () => generation.regenerate('at dusk')]) {
    await again();
    server.tell(told('completed', 4));
    await over(generation);
  }
  expect(server.orders.map(({ body }) => body['custom_prompt'])).toEqual(['at dawn', 'at dawn', 'at dusk']);
  expect(new Set(server.orders.map(({ headers }) => headers['idempotency-key'])).size).toBe(3);
});

test('a page that was closed comes back to the last state', async () => {
  server.row = { ...told('uploading', 3), user_id: USER.toUpperCase(), kinkster_id: KINKSTER };
  const generation = make({ resume: true, kinksterId: KINKSTER });
  const leave = generation.start();
  await until(generation, ({ isConnected }) => isConnected);
  expect(generation.state).toMatchObject({ isGenerating: true, jobId: JOB, progress: { status: 'uploading' } });
  leave();
  await eventually(() => server.streams.size === 0);
  expect([generation.state.isGenerating, ends]).toEqual([false, []]);
  generation.start();
  await until(generation, ({ isConnected }) => isConnected);
  server.tell(told('completed', 4));
  expect((await over(generation)).storageUrl).toBe(URL_OF_AVATAR);
});

test('what is over, and what is somebody else’s, is not taken up', async () => {
  for (const row of [told('completed', 4, { user_id: USER, kinkster_id: null }), told('generating', 1, { user_id: KINKSTER }), told('generating', 1, { user_id: USER, kinkster_id: KINKSTER })]) {
    server.row = row;
    const generation = make({ resume: true });
    const before = server.asked.length;
    generation.start();
    await eventually(() => server.asked.length > before);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    expect(generation.state).toMatchObject({ isGenerating: false, storageUrl: null });
  }
});

test('nobody signed in, nobody asked', async () => {
  make({ resume: true, accessToken: async () => null }).start();
  await new Promise((resolve) => { setTimeout(resolve, 50); });
  expect(server.asked).toEqual([]);
});

test('events are read however they are cut', () => {
  const text = ': hello\r\n\r\nid: 7\r\nevent: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\ndata:plain\n\nevent: empty\n\nid: 8\rdata: ü\r\r';
  const expected = [{ id: '7', name: 'a', data: '{"x":\n1}' }, { id: undefined, name: 'message', data: 'plain' }, { id: '8', name: 'message', data: 'ü' }];
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
    // The last carriage return might have been half of a line's end.
    events.push(...parser.push('\n'));
    expect(events, `in pieces of ${size}`).toEqual(expected);
  }
  expect(() => new EventParser().push('x'.repeat(1_000_001))).toThrow();
});
