// Webhooks of tintype: CloudEvents 1.0 in JSON, signed as Standard Webhooks 1.0 says: HMAC-SHA256 over `id.timestamp.body`.

import { fromBase64, hmacKey, utf8 } from './bytes.js';

export interface CloudEvent {
  specversion: string;
  id: string;
  source: string;
  /** `tintype.object.created`, `.updated`, `.deleted`, `tintype.purge`; there may be more. */
  type: string;
  subject?: string;
  /** ISO 8601, UTC. */
  time: string;
  datacontenttype?: string;
  dataversion?: number;
  data: {
    bucket?: string;
    name?: string;
    version?: string;
    size?: number;
    mime_type?: string;
    owner?: string;
    [more: string]: unknown;
  };
}

/** A message that came some other way than as a `Request`. */
export interface SignedMessage {
  headers: Headers | Record<string, string | string[] | undefined>;
  /** As it came: parsed and written anew it has another signature. */
  body: string | Uint8Array;
}

export interface WebhookOptions {
  /** `whsec_…`; several while one replaces another. */
  secret: string | readonly string[];
  /** Seconds that the message's time may be from ours; default 300. */
  tolerance?: number | undefined;
  /** Bytes of a body; default 1,000,000. */
  bodyBytes?: number | undefined;
  /** Milliseconds since 1970; default: now. */
  now?: number | undefined;
}

/** `secret`: ours is none. `missing`, `time`, `mismatch`: theirs is refused. `body`: signed, but no event, or too long. */
export type WebhookReason = 'secret' | 'missing' | 'time' | 'mismatch' | 'body';

export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  constructor(readonly reason: WebhookReason, message: string) {
    super(message);
  }
  /** With which a route handler answers: 4xx is tried again for a while, so an event is not lost by a wrong secret of ours. */
  get status(): number {
    return { secret: 500, missing: 400, time: 400, mismatch: 401, body: 400 }[this.reason];
  }
}

const MOST_SIGNATURES = 16;

/**
 * The event of a signed message; throws a {@link WebhookError} for any other. Messages come at least once and in order per
 * object: whoever acts on them keeps `webhook-id`, which is the event's `id`.
 */
export async function verifyWebhook(message: Request | SignedMessage, options: WebhookOptions): Promise<CloudEvent> {
  const { tolerance = 300, bodyBytes = 1_000_000, now = Date.now() } = options;
  const secrets = (typeof options.secret === 'string' ? [options.secret] : options.secret).map(secretBytes);
  if (!secrets.length) throw new WebhookError('secret', 'no secret is given');
  const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) => header(message.headers, `webhook-${name}`));
  if (!id || id.length > 256 || !timestamp || !signature) {
    throw new WebhookError('missing', 'the headers webhook-id, webhook-timestamp and webhook-signature are wanted');
  }
  if (!/^\d{1,15}$/.test(timestamp) || Math.abs(Number(timestamp) - Math.floor(now / 1000)) > tolerance) {
    throw new WebhookError('time', `webhook-timestamp is more than ${tolerance} seconds from now`);
  }
  const body = await bytesOf(message.body, bodyBytes);
  const start = utf8(`${id}.${timestamp}.`);
  const signed = new Uint8Array(start.length + body.length);
  signed.set(start);
  signed.set(body, start.length);
  const candidates = signature.split(' ').slice(0, MOST_SIGNATURES).filter((part) => part.startsWith('v1,'));
  const tags = candidates.map((part) => fromBase64(part.slice(3))).filter((tag) => tag !== undefined);
  if (!await isSigned(signed, tags, secrets)) {
    throw new WebhookError('mismatch', 'no signature is one of this message by a known secret');
  }
  return read(body);
}

function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = secret.trim().startsWith('whsec_') ? fromBase64(secret.trim().slice(6)) : undefined;
  // As the specification has them.
  if (!bytes || bytes.length < 24 || bytes.length > 64) {
    throw new WebhookError('secret', 'a secret is whsec_ and the base64 of 24 to 64 bytes');
  }
  return bytes;
}

function header(headers: SignedMessage['headers'], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name) ?? [];
  return Array.isArray(value) ? value[0] : value;
}

async function bytesOf(body: string | Uint8Array | ReadableStream<Uint8Array> | null, most: number): Promise<Uint8Array> {
  const tooLong = () => new WebhookError('body', `the body is longer than ${most} bytes`);
  if (typeof body === 'string') body = utf8(body);
  if (body instanceof Uint8Array) {
    if (body.length > most) throw tooLong();
    return body;
  }
  const reader = body?.getReader();
  let bytes = new Uint8Array(0);
  for (let part = await reader?.read(); reader && part && !part.done; part = await reader.read()) {
    if (bytes.length + part.value.length > most) {
      reader.cancel().catch(() => {});
      throw tooLong();
    }
    const longer = new Uint8Array(bytes.length + part.value.length);
    longer.set(bytes);
    longer.set(part.value, bytes.length);
    bytes = longer;
  }
  return bytes;
}

/** Compares in constant time. */
async function isSigned(content: Uint8Array<ArrayBuffer>, tags: Uint8Array<ArrayBuffer>[], secrets: Uint8Array<ArrayBuffer>[]): Promise<boolean> {
  for (const secret of secrets) {
    const key = await hmacKey(secret, 'verify');
    for (const tag of tags) if (await crypto.subtle.verify('HMAC', key, tag, content)) return true;
  }
  return false;
}

function read(body: Uint8Array): CloudEvent {
  try {
    const event: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    const { id, type, data } = event as Partial<CloudEvent>;
    if (typeof id === 'string' && typeof type === 'string' && data && typeof data === 'object') return event as CloudEvent;
  } catch { /* told below */ }
  throw new WebhookError('body', 'the body is no event');
}
