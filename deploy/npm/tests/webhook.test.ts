import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyWebhook, WebhookError } from '../src/server.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const TIME = 1_614_265_330;
const EVENT = { specversion: '1.0', id: 'msg_1', source: '/buckets/album', type: 'tintype.object.created', time: '2026-01-31T12:00:00.5Z', data: { bucket: 'album', name: 'ann/cat.png' } };
const BODY = JSON.stringify(EVENT);

const sign = (body = BODY, id = 'msg_1', time: number | string = TIME) =>
  `v1,${createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64')).update(`${id}.${time}.`).update(body).digest('base64')}`;
const message = (changed: Record<string, string> = {}, body: string | Uint8Array = BODY) =>
  ({ headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(TIME), 'webhook-signature': sign(), ...changed }, body });
const options = { secret: SECRET, now: TIME * 1000 };

test('the example of the specification is believed', async () => {
  const known = {
    headers: { 'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': String(TIME), 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' },
    body: '{"test": 2432232314}',
  };
  // It is signed, and it is no event.
  await expect(verifyWebhook(known, options)).rejects.toMatchObject({ reason: 'body' });
});

test('an event comes out of a request and of its parts', async () => {
  expect(await verifyWebhook(message(), options)).toEqual(EVENT);
  const capitals = { headers: Object.fromEntries(Object.entries(message().headers).map(([name, value]) => [name.toUpperCase(), [value]])), body: Buffer.from(BODY) };
  expect(await verifyWebhook(capitals, options)).toEqual(EVENT);
  const request = new Request('https://app.example.com/hooks', { method: 'POST', headers: message().headers, body: BODY });
  expect(await verifyWebhook(request, options)).toEqual(EVENT);
});

test('one of several signatures and secrets is enough', async () => {
  const rotated = message({ 'webhook-signature': `v1a,abc v1,AAAA ${sign()}` });
  expect(await verifyWebhook(rotated, { ...options, secret: [OTHER, SECRET] })).toEqual(EVENT);
});

test.each([
  ['another id', message({ 'webhook-id': 'msg_2' }), 'mismatch', 401],
  ['another time', message({ 'webhook-timestamp': String(TIME + 1) }), 'mismatch', 401],
  ['another body', message({}, BODY.replace('cat', 'dog')), 'mismatch', 401],
  ['no signature', message({ 'webhook-signature': '' }), 'missing', 400],
  ['no id', message({ 'webhook-id': '' }), 'missing', 400],
  ['a signature of nothing', message({ 'webhook-signature': 'v1,' }), 'mismatch', 401],
  ['a signature of another version', message({ 'webhook-signature': sign().replace('v1', 'v2') }), 'mismatch', 401],
  ['a signature that is cut', message({ 'webhook-signature': sign().slice(0, 20) }), 'mismatch', 401],
  ['a time that is none', message({ 'webhook-timestamp': 'now' }), 'time', 400],
  ['a time with a sign', message({ 'webhook-timestamp': `+${TIME}` }), 'time', 400],
] as const)('%s is refused', async (_, changed, reason, status) => {
  await expect(verifyWebhook(changed, options)).rejects.toMatchObject({ name: 'WebhookError', reason, status });
});

test('a message is good for five minutes either way', async () => {
  for (const [now, good] of [[TIME + 300, true], [TIME - 300, true], [TIME + 301, false], [TIME - 301, false]] as const) {
    const told = await verifyWebhook(message(), { ...options, now: now * 1000 }).then(() => true, () => false);
    expect(told, String(now - TIME)).toBe(good);
  }
});

test('a secret that is none is a fault of ours, and is not shown', async () => {
  for (const secret of ['', 'whsec_', 'whsec_c2hvcnQ=', 'whsec_%%%%', SECRET.slice(6)]) {
    const fault = await verifyWebhook(message(), { ...options, secret }).catch((fault: WebhookError) => fault) as WebhookError;
    expect([fault.reason, fault.status], secret).toEqual(['secret', 500]);
    expect(fault.message).not.toContain('MfKQ9r8G');
  }
  await expect(verifyWebhook(message(), { ...options, secret: [] })).rejects.toMatchObject({ reason: 'secret' });
  await expect(verifyWebhook(message(), { ...options, secret: OTHER })).rejects.toMatchObject({ reason: 'mismatch' });
});

test('a body without end is not read to it', async () => {
  let pulled = 0;
  const body = new ReadableStream({ pull(controller) { pulled += 1; controller.enqueue(new Uint8Array(1000)); } });
  const request = new Request('https://app.example.com/hooks', { method: 'POST', headers: message().headers, body, duplex: 'half' } as RequestInit);
  await expect(verifyWebhook(request, { ...options, bodyBytes: 5000 })).rejects.toMatchObject({ reason: 'body' });
  expect(pulled).toBeLessThan(20);
});
