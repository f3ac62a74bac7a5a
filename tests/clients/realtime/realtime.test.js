// supabase-js on both protocol versions: what an app does, against the real binary.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import { connect, disconnectAll, Inbox, subscribe } from './support/channels.js';
import { anon, serve, service, user } from './support/server.js';

const PROGRESS = 'avatar_generation_progress';
/** How the app joins. */
const PRIVATE = { private: true, broadcast: { self: true, ack: true } };

let server;

before(async () => {
  server = await serve();
});
afterEach(disconnectAll);
after(() => server.stop());

/** Sends to a private topic as the service does. */
async function announce(topic, payload) {
  const client = await connect(server, service());
  const channel = client.channel(topic, { config: { private: true } });
  assert.deepEqual(await channel.httpSend(PROGRESS, payload), { success: true });
}

/** Joins with a token that ends soon, in `lifetime` seconds or where that was over by then, in more. */
async function joinFor(lifetime, topic, own, vsn) {
  for (let seconds = lifetime; ; seconds *= 2) {
    const client = await connect(server, anon(), { vsn, token: user(own, seconds) });
    const joined = await subscribe(client, topic, PRIVATE);
    if (joined.first.status === 'SUBSCRIBED' || seconds > 60) return { client, seconds, ...joined };
    await disconnectAll();
  }
}

for (const vsn of ['1.0.0', '2.0.0']) {
  const named = (what) => `${vsn}: ${what}`;
  const own = `ann-${vsn.replaceAll('.', '-')}`;
  const topic = `user:${own}:avatar`;

  test(named('a user hears how far an avatar is, and who joins late hears the last state'), async () => {
    const client = await connect(server, anon(), { vsn, token: user(own) });
    const early = await subscribe(client, topic, PRIVATE);
    assert.equal(early.first.status, 'SUBSCRIBED');
    await announce(topic, { status: 'generating', message: 'Painting', job_id: 'j', seq: 1 });
    const told = await early.heard.next();
    assert.equal(told.event, PROGRESS);
    assert.deepEqual(told.payload, { status: 'generating', message: 'Painting', job_id: 'j', seq: 1 });
    const late = await subscribe(await connect(server, anon(), { vsn, token: user(own) }), topic, PRIVATE);
    const again = await late.heard.next();
    assert.equal(again.payload.status, 'generating');
    assert.equal(again.meta.replayed, true);
  });

  test(named('another user is refused with the reason'), async () => {
    const client = await connect(server, anon(), { vsn, token: user('bob') });
    const { first } = await subscribe(client, topic, PRIVATE);
    assert.equal(first.status, 'CHANNEL_ERROR');
    assert.equal(
      first.error.message,
      `Unauthorized: You do not have permissions to read from this Channel topic: ${topic}`,
    );
  });

  test(named('public and private topics of one name do not mix'), async () => {
    const room = `team:mix-${vsn}`;
    const [one, two, three] = await Promise.all([1, 2, 3].map((n) => connect(server, anon(), { vsn, token: user(`u${n}`) })));
    const open = await subscribe(one, room);
    const closed = await subscribe(two, room, { private: true });
    const sender = await subscribe(three, room, { private: true, broadcast: { ack: true } });
    assert.equal(await sender.channel.send({ type: 'broadcast', event: 'e', payload: { n: 1 } }), 'ok');
    assert.deepEqual((await closed.heard.next()).payload, { n: 1 });
    assert.ok(await open.heard.isQuiet());
    assert.ok(await sender.heard.isQuiet(), 'the sender did not ask to hear itself');
  });

  test(named('senders hear themselves and are answered'), async () => {
    const { channel, heard } = await subscribe(await connect(server, anon(), { vsn }), `echo-${vsn}`, {
      broadcast: { self: true, ack: true },
    });
    assert.equal(await channel.send({ type: 'broadcast', event: 'ping', payload: { text: 'é ✓' } }), 'ok');
    const { type, event, payload } = await heard.next();
    assert.deepEqual({ type, event, payload }, { type: 'broadcast', event: 'ping', payload: { text: 'é ✓' } });
  });

  test(named('users cannot send to avatar topics, and are not answered'), async () => {
    const { channel } = await subscribe(await connect(server, anon(), { vsn, token: user(own) }), topic, PRIVATE);
    const sent = await channel.send({ type: 'broadcast', event: PROGRESS, payload: { status: 'completed' } }, { timeout: 500 });
    assert.equal(sent, 'timed out');
  });

  test(named('an expired token closes the channel with a word'), async () => {
    const { first, system, states } = await joinFor(2, topic, own, vsn);
    assert.equal(first.status, 'SUBSCRIBED');
    const word = await system.next();
    assert.equal(word.status, 'error');
    assert.match(word.message, /^Token has expired \d+ seconds ago$/);
    assert.equal((await states.next()).status, 'CLOSED');
  });

  test(named('a refreshed token keeps the channel open'), async () => {
    const { client, seconds, states, system } = await joinFor(4, topic, own, vsn);
    await client.realtime.setAuth(user(own));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 + 500));
    assert.ok((await system.isQuiet()) && (await states.isQuiet()));
  });

  test(named('broadcasts over HTTP reach the channel, in one request or in a batch'), async () => {
    const room = `post-${vsn}`;
    const { heard } = await subscribe(await connect(server, anon(), { vsn }), room);
    const sender = await connect(server, anon(), { vsn });
    const channel = sender.channel(room);
    assert.deepEqual(await channel.httpSend('one', { n: 1 }), { success: true });
    assert.equal((await heard.next()).event, 'one');
    // A channel that is not joined sends over HTTP by itself.
    assert.equal(await channel.send({ type: 'broadcast', event: 'two', payload: { n: 2 } }), 'ok');
    assert.deepEqual((await heard.next()).payload, { n: 2 });
  });

  test(named('heartbeats, presence, table bindings and leaving work'), async () => {
    const beats = new Inbox();
    const client = await connect(server, anon(), {
      vsn,
      // One that is not answered by the next is a lost connection.
      heartbeatIntervalMs: 2000,
      heartbeatCallback: (status) => status !== 'sent' && beats.put(status),
    });
    const { channel, first, states } = await subscribe(client, `odds-${vsn}`, { presence: { enabled: true } }, (channel) => {
      channel.on('presence', { event: 'sync' }, () => {});
      channel.on('postgres_changes', { event: '*', schema: 'public', table: 'kinksters' }, () => {});
    });
    assert.equal(first.status, 'SUBSCRIBED');
    assert.equal(await beats.next('a heartbeat'), 'ok');
    assert.equal(await channel.track({ online: true }), 'ok');
    assert.deepEqual(channel.presenceState(), {});
    assert.equal(await client.removeChannel(channel), 'ok');
    assert.equal((await states.next()).status, 'CLOSED');
  });
}

test('both versions hear each other', async () => {
  const [old, recent] = await Promise.all(['1.0.0', '2.0.0'].map((vsn) => connect(server, anon(), { vsn })));
  const [first, second] = [await subscribe(old, 'both'), await subscribe(recent, 'both')];
  await first.channel.send({ type: 'broadcast', event: 'e', payload: { from: 1 } });
  assert.deepEqual((await second.heard.next()).payload, { from: 1 });
  await second.channel.send({ type: 'broadcast', event: 'e', payload: { from: 2 } });
  assert.deepEqual((await first.heard.next()).payload, { from: 2 });
});

test('bytes pass as they are', async () => {
  const [one, two] = [await connect(server, anon()), await connect(server, anon())];
  const receiver = await subscribe(two, 'bytes');
  const { channel } = await subscribe(one, 'bytes');
  await channel.send({ type: 'broadcast', event: 'raw', payload: new Uint8Array([0, 200, 7]).buffer });
  assert.deepEqual([...new Uint8Array((await receiver.heard.next()).payload)], [0, 200, 7]);
  assert.deepEqual(await channel.httpSend('more', new Uint8Array([1, 255])), { success: true });
  assert.deepEqual([...new Uint8Array((await receiver.heard.next()).payload)], [1, 255]);
});

test('a wrong key never connects', async () => {
  const client = await connect(server, 'nonsense', { timeout: 500 });
  const { first } = await subscribe(client, 'room');
  assert.notEqual(first.status, 'SUBSCRIBED');
});

for (const vsn of ['1.0.0', '2.0.0']) {
  test(`${vsn}: a client finds back to a server that was restarted, and hears the last state`, async () => {
    let restarted = await serve();
    const listen = new URL(restarted.url).host;
    const client = await connect(restarted, anon(), { vsn, token: user('ann') });
    const { first, states, heard } = await subscribe(client, 'user:ann:avatar', PRIVATE);
    assert.equal(first.status, 'SUBSCRIBED');
    await restarted.stop();
    assert.equal((await states.next('the end of the connection')).status, 'CHANNEL_ERROR');
    restarted = await serve(listen);
    try {
      const sender = await connect(restarted, service());
      await sender.channel('user:ann:avatar', { config: { private: true } }).httpSend(PROGRESS, { status: 'uploading' });
      let state = await states.next('the channel to be joined again');
      while (state.status !== 'SUBSCRIBED') state = await states.next('the channel to be joined again');
      assert.equal((await heard.next()).payload.status, 'uploading');
    } finally {
      await disconnectAll();
      await restarted.stop();
    }
  });
}

test('an EventSource hears the same and goes on where it was', async () => {
  const authorization = `Bearer ${user('eve')}`;
  const answer = await fetch(`${server.url}/api/avatars/events/token`, { method: 'POST', headers: { authorization } });
  const { token } = await answer.json();
  const heard = new Inbox();
  const source = new EventSource(`${server.url}/api/avatars/events?token=${token}`);
  source.addEventListener(PROGRESS, (event) => heard.put(event));
  await new Promise((resolve) => source.addEventListener('open', resolve));
  await announce('user:eve:avatar', { status: 'generating', job_id: 'j', seq: 1 });
  const first = await heard.next();
  assert.equal(JSON.parse(first.data).status, 'generating');
  source.close();
  await announce('user:eve:avatar', { status: 'completed', job_id: 'j', seq: 2 });
  const again = new EventSource(`${server.url}/api/avatars/events?token=${token}&last_event_id=${first.lastEventId}`);
  again.addEventListener(PROGRESS, (event) => heard.put(event));
  assert.equal(JSON.parse((await heard.next()).data).status, 'completed');
  again.close();
});
