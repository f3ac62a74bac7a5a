// The contract's walk with the real server and its painter: by event stream, by supabase-js, and by asking.

import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import ws from 'ws';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AvatarGeneration, type AvatarOptions } from '../../src/avatars.js';
import { createLoader } from '../../src/index.js';
import { until } from '../support/avatars.js';
import { scripted, type Scripted } from '../support/http.js';
import { pngSize, startTintype, token, type Server } from '../support/tintype.js';

let painter: Server;
/** Its provider never answers. */
let silent: Server;
let provider: Scripted;
const clients: SupabaseClient[] = [];

beforeAll(async () => {
  provider = await scripted(() => new Promise(() => {}));
  [painter, silent] = await Promise.all([
    startTintype({ TINTYPE_AVATARS__PROVIDER: 'painter', TINTYPE_AVATARS__PER_DAY: '1000' }),
    startTintype({ TINTYPE_AVATARS__OPENAI__BASE_URL: `${provider.url}/v1`, OPENAI_API_KEY: 'sk-of-the-tests' }),
  ]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) {
    await client.removeAllChannels();
    client.realtime.disconnect();
  }
});
afterAll(async () => {
  await Promise.all([painter?.stop(), provider?.stop()]);
  await silent?.stop();
});

function supabase(url: string, user: string): SupabaseClient {
  const client = createClient(url, token('anon'), {
    accessToken: async () => token('authenticated', user),
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    realtime: { transport: ws as never },
  });
  clients.push(client);
  return client;
}

const ways = {
  'event stream': (server: Server, user: string): Partial<AvatarOptions> => ({ base: server.url, accessToken: () => token('authenticated', user) }),
  'supabase-js': (server: Server, user: string): Partial<AvatarOptions> => ({ supabase: supabase(server.url, user) }),
};

const over = (generation: AvatarGeneration) => until(generation, ({ isGenerating }) => !isGenerating);

for (const [way, connect] of Object.entries(ways)) {
  test.each([['a character', randomUUID()], ['a preview', undefined]])(`by ${way} the avatar of %s is told, stored and shown`, async (_, kinksterId) => {
    const userId = randomUUID();
    const ends: string[] = [];
    const generation = new AvatarGeneration({ userId, kinksterId, ...connect(painter, userId), onComplete: (url) => ends.push(url), onError: (error) => ends.push(error) });
    const told: string[] = [];
    let wasConnected = false;
    generation.subscribe(() => {
      const { progress, isConnected } = generation.state;
      wasConnected ||= isConnected;
      if (progress && told.at(-1) !== progress.status) told.push(progress.status);
    });
    await generation.generate({ name: 'Rook', archetype: 'Captain', props: { clothing: { top: ['red coat'] } } }, 'at dawn');
    const state = await over(generation);
    expect([state.error, wasConnected, told]).toEqual([null, true, ['generating', 'downloading', 'uploading', 'completed']]);
    expect(ends).toEqual([state.storageUrl]);
    expect(state.progress?.storage_path).toMatch(new RegExp(`^${userId}/kinksters/avatar_\\d+${kinksterId ? `_${kinksterId}` : ''}\\.png$`));
    const shown = await fetch(createLoader({ base: painter.url })({ src: state.storageUrl!, width: 96 }), { headers: { accept: 'image/png' } });
    expect(pngSize(await shown.arrayBuffer())).toEqual([96, 96]);
    // Once more: the end of the first job is not taken for that of the second.
    await generation.regenerate('at dusk');
    const second = await over(generation);
    expect(second.jobId).not.toBe(state.jobId);
    expect(ends).toEqual([state.storageUrl, second.storageUrl]);
  });

  test(`by ${way} a job is taken up by another page, and cancelled there`, async () => {
    const userId = randomUUID();
    const [first, second] = [0, 1].map(() => new AvatarGeneration({ userId, ...connect(silent, userId) })) as [AvatarGeneration, AvatarGeneration];
    await first.generate({ name: 'Rook' });
    await until(first, ({ progress }) => progress !== null);
    second.start();
    const taken = await until(second, ({ isGenerating, isConnected }) => isGenerating && isConnected);
    expect([taken.jobId, taken.progress?.status]).toEqual([first.state.jobId, 'generating']);
    expect(await second.cancel()).toBe(true);
    expect(second.state).toMatchObject({ isGenerating: false, error: null });
    // Whoever did not ask for it is told why nothing comes.
    expect((await over(first)).error).toMatch(/cancel/i);
  });

  test(`by ${way} a refusal says why`, async () => {
    const userId = randomUUID();
    const nameless = new AvatarGeneration({ userId, ...connect(painter, userId) });
    await nameless.generate({ name: '' });
    expect(nameless.state).toMatchObject({ isGenerating: false, error: 'character_data.name is required', fault: { status: 400 } });
    const foreign = new AvatarGeneration({ userId: randomUUID(), ...connect(painter, userId) });
    await foreign.generate({ name: 'Rook' });
    expect(foreign.state.fault?.status).toBe(403);
  });
}

test('two places of a page share the channel of their client', async () => {
  const userId = randomUUID();
  const client = supabase(painter.url, userId);
  const [first, second] = [0, 1].map(() => new AvatarGeneration({ userId, supabase: client })) as [AvatarGeneration, AvatarGeneration];
  await Promise.all([first.generate({ name: 'Rook' }), second.generate({ name: 'Raven' })]);
  expect([first.state.isConnected || !first.state.isGenerating, client.getChannels().length <= 1]).toEqual([true, true]);
  const states = await Promise.all([over(first), over(second)]);
  expect(states.map(({ error }) => error)).toEqual([null, null]);
  expect(new Set(states.map(({ storageUrl }) => storageUrl)).size).toBe(2);
  // The channel is joined anew while it is still being left.
  let rejoined = false;
  first.subscribe(() => { rejoined ||= first.state.isConnected; });
  await first.regenerate();
  expect([(await over(first)).error, rejoined]).toEqual([null, true]);
});

test('a server that comes back is heard again', async () => {
  const userId = randomUUID();
  // Between the page and the server, as a proxy that is restarted.
  let cut = () => {};
  const between = await scripted(async (request, response, body) => {
    const ending = new AbortController();
    const headers = { authorization: request.headers.authorization!, 'content-type': 'application/json', 'idempotency-key': String(request.headers['idempotency-key'] ?? 'none') };
    const answer = await fetch(silent.url + request.url, { method: request.method!, headers, ...(body ? { body } : {}), signal: ending.signal });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    if (request.url!.includes('/events')) cut = () => { response.destroy(); ending.abort(); };
    for await (const part of answer.body! as unknown as AsyncIterable<Uint8Array>) response.write(part);
    response.end();
  });
  const generation = new AvatarGeneration({ userId, base: between.url, accessToken: () => token('authenticated', userId) });
  await generation.generate({ name: 'Rook' });
  await until(generation, ({ progress, isConnected }) => progress !== null && isConnected);
  cut();
  await until(generation, ({ isConnected }) => !isConnected);
  await until(generation, ({ isConnected }) => isConnected);
  expect(await generation.cancel()).toBe(true);
  await between.stop();
});
