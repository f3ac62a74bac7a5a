// Progress as Server-Sent Events: a fetch, so that the token is in a header and not in a URL.

import { EVENT, type Ears } from './channel.js';
import { baseOf, headersOf } from './http.js';
import type { AvatarConnection } from './types.js';

/** The server says at least every 15 s that it is there (milliseconds). */
const SILENCE = 40_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
/** Characters of one event; its payload is a few hundred. */
const MOST = 1_000_000;

/** Listens until what is answered is called. A stream that breaks is opened again, after the last event that came. */
export function listenByStream(connection: AvatarConnection, kinksterId: string | undefined, ears: Ears): () => void {
  const leaving = new AbortController();
  const place: Place = { last: undefined, wait: FIRST_WAIT };
  const listen = async () => {
    while (!leaving.signal.aborted) {
      const verdict = await once(connection, kinksterId, ears, place, leaving.signal).catch(() => undefined);
      if (leaving.signal.aborted) return;
      ears.connected(false);
      if (verdict) return ears.failed(verdict);
      // All pages lose a server at the same moment; they should not come back at the same one.
      await pause(place.wait * (0.5 + Math.random()), leaving.signal);
      place.wait = Math.min(LONGEST_WAIT, place.wait * 2);
    }
  };
  void listen();
  return () => leaving.abort();
}

interface Place {
  /** The last event that came. */
  last: string | undefined;
  /** Milliseconds until the next attempt. */
  wait: number;
}

/** One stream, up to its end. Answers why there is no sense in another. */
async function once(connection: AvatarConnection, kinksterId: string | undefined, ears: Ears, place: Place, left: AbortSignal): Promise<string | undefined> {
  const query = new URLSearchParams();
  if (kinksterId) query.set('kinkster_id', kinksterId);
  // As a header it would ask every other origin's server for one more permission.
  if (place.last) query.set('last_event_id', place.last);
  const ending = new AbortController();
  const end = () => ending.abort();
  left.addEventListener('abort', end);
  let timer = setTimeout(end, SILENCE);
  try {
    const answer = await fetch(`${baseOf(connection)}/api/avatars/events?${query}`, {
      headers: { accept: 'text/event-stream', ...await headersOf(connection) },
      cache: 'no-store',
      signal: ending.signal,
    });
    // A token that ended is asked for anew; who may not listen, or listens to no tintype, need not try again.
    if ([400, 403, 404, 405].includes(answer.status)) return `Progress is not told here: the server answered ${answer.status}`;
    if (!answer.ok || !answer.body) return undefined;
    ears.connected(true);
    place.wait = FIRST_WAIT;
    const parser = new EventParser();
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    for (let part = await reader.read(); !part.done && !left.aborted; part = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(end, SILENCE);
      for (const event of parser.push(decoder.decode(part.value, { stream: true }))) {
        place.last = event.id ?? place.last;
        if (event.name === EVENT && !left.aborted) ears.heard(parsed(event.data));
      }
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    ending.abort();
    left.removeEventListener('abort', end);
  }
}

export interface SentEvent {
  id: string | undefined;
  name: string;
  data: string;
}

/** Reads the lines of a stream, however they are cut. */
export class EventParser {
  #rest = '';
  #lines: string[] = [];

  /** The events that are whole with this text. */
  push(text: string): SentEvent[] {
    const events: SentEvent[] = [];
    this.#rest += text;
    // A carriage return at the end may be the first half of a line's end.
    const held = this.#rest.endsWith('\r') ? '\r' : '';
    const lines = (held ? this.#rest.slice(0, -1) : this.#rest).split(/\r\n|\r|\n/);
    this.#rest = lines.pop()! + held;
    for (const line of lines) {
      if (line !== '') this.#lines.push(line);
      else {
        const event = read(this.#lines.splice(0));
        if (event) events.push(event);
      }
    }
    if (this.#rest.length + this.#lines.reduce((sum, line) => sum + line.length, 0) > MOST) throw new Error('an event without end');
    return events;
  }
}

function read(lines: string[]): SentEvent | undefined {
  const fields = lines.map((line) => /^([^:]*):? ?([^]*)$/.exec(line)!.slice(1) as [string, string]);
  const data = fields.filter(([name]) => name === 'data').map(([, value]) => value);
  if (!data.length) return undefined;
  const last = (wanted: string) => fields.filter(([name]) => name === wanted).pop()?.[1];
  return { id: last('id') || undefined, name: last('event') || 'message', data: data.join('\n') };
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** Ends early when `left` says so. */
export function pause(milliseconds: number, left: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (left.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      left.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    left.addEventListener('abort', done);
  });
}
