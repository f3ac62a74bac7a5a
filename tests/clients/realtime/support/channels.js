// supabase-js with its parts that tests wait for.

import { createClient } from '@supabase/supabase-js';
import ws from 'ws';
import { PATIENCE } from '../../../next/browser/support/patience.js';

/** Milliseconds; long enough for what is not to come. */
const SILENCE = 300;

const clients = new Set();

/** A client of this protocol version, signed in with `token` if there is one. */
export async function connect(server, key, { vsn, token, ...options } = {}) {
  const realtime = { transport: ws, ...(vsn ? { vsn } : {}), ...options };
  const client = createClient(server.url, key, { realtime, auth: { persistSession: false, autoRefreshToken: false } });
  if (token) await client.realtime.setAuth(token);
  clients.add(client);
  return client;
}

/** Ends every client of a test. */
export async function disconnectAll() {
  for (const client of clients) {
    await client.removeAllChannels();
    client.realtime.disconnect();
  }
  clients.clear();
}

/** Something that others put in and tests take out in order. */
export class Inbox {
  #items = [];
  #waiting = [];

  put(item) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(item);
    else this.#items.push(item);
  }

  async next(what = 'anything') {
    if (this.#items.length) return this.#items.shift();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came, waiting for ${what}`)), PATIENCE);
    });
    try {
      return await Promise.race([new Promise((resolve) => this.#waiting.push(resolve)), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether nothing comes for a while. */
  async isQuiet() {
    await new Promise((resolve) => setTimeout(resolve, SILENCE));
    return this.#items.length === 0;
  }
}

/** Subscribes; answers {channel, heard, states, system}, each an inbox but the first, and waits for the first state. */
export async function subscribe(client, topic, config = {}, prepare = () => {}) {
  const [heard, states, system] = [new Inbox(), new Inbox(), new Inbox()];
  const channel = client.channel(topic, { config });
  channel.on('broadcast', { event: '*' }, (message) => heard.put(message));
  channel.on('system', {}, (message) => system.put(message));
  prepare(channel);
  channel.subscribe((status, error) => states.put({ status, error }));
  const first = await states.next(`${topic} to be joined`);
  return { channel, heard, states, system, first };
}
