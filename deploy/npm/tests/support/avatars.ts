// A server of avatars that says what a test wants, when it wants it.

import type { ServerResponse } from 'node:http';
import type { AvatarState } from '../../src/avatars.js';
import type { AvatarGeneration } from '../../src/avatars.js';
import { json, scripted, type Scripted } from './http.js';

export const USER = 'd3b07384-d113-4ec6-a6b0-1f2f3f4f5f6f';
export const KINKSTER = '0a1b2c3d-0000-4000-8000-000000000001';
export const JOB = '01990e0a-6b0a-7bb1-9c5e-1d2f3a4b5c6d';
export const URL_OF_AVATAR = 'https://images.example.com/storage/v1/object/public/kinkster-avatars/a/kinksters/avatar_1.png';

export const told = (status: string, seq: number, more: Record<string, unknown> = {}) => ({
  job_id: JOB, seq, status, message: status, timestamp: '2026-01-31T12:00:00.500Z', progress: 0.1,
  ...(status === 'completed' ? { storage_url: URL_OF_AVATAR, storage_path: 'a/kinksters/avatar_1.png', progress: 1 } : {}),
  ...(status === 'error' ? { error: 'The provider refused' } : {}),
  ...more,
});

export interface Studio extends Scripted {
  /** Bodies of what was asked for, and the headers of each. */
  orders: { body: Record<string, unknown>; headers: Record<string, string | string[] | undefined> }[];
  /** Streams that are open. */
  streams: Set<ServerResponse>;
  /** The row of the job; undefined: there is none. */
  row: Record<string, unknown> | undefined;
  /** What is answered to an order, and to a stream and a cancellation that are to fail. */
  order: (response: ServerResponse) => unknown;
  refuseStream: number | undefined;
  cancel: (response: ServerResponse) => unknown;
  tell(progress: Record<string, unknown>): void;
  cut(): void;
}

export async function studio(): Promise<Studio> {
  let events = 0;
  const streams = new Set<ServerResponse>();
  const made: Partial<Studio> = {
    orders: [],
    streams,
    row: undefined,
    refuseStream: undefined,
    order: (response) => json(response, 202, { status: 'processing', job_id: JOB, prompt: 'A captain', generation_config: {} }),
    cancel: (response) => json(response, 200, { ...told('error', 9), state: 'cancelled' }),
    tell: (progress) => {
      events += 1;
      streams.forEach((stream) => stream.write(`id: ${events}\nevent: avatar_generation_progress\ndata: ${JSON.stringify(progress)}\n\n`));
    },
    cut: () => streams.forEach((stream) => stream.destroy()),
  };
  const server = await scripted((request, response, body) => {
    const { pathname } = new URL(request.url!, 'http://studio');
    if (pathname === '/api/avatars/events') {
      if (made.refuseStream) return json(response, made.refuseStream, { error: 'no' });
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': listening\nretry: 3000\n\n');
      streams.add(response);
      response.on('close', () => streams.delete(response));
      return undefined;
    }
    if (request.method === 'POST' && (pathname.startsWith('/functions/v1/') || pathname === '/api/avatars/jobs')) {
      made.orders!.push({ body: JSON.parse(body), headers: request.headers });
      return made.order!(response);
    }
    if (pathname.endsWith('/cancel')) return made.cancel!(response);
    if (pathname === '/api/avatars/jobs') return json(response, 200, { jobs: made.row ? [made.row] : [], next: null });
    return made.row ? json(response, 200, made.row) : json(response, 404, { error: 'There is no such job' });
  });
  return Object.assign(made, server) as Studio;
}

/** Resolves once the state is as wanted. */
export function until(generation: AvatarGeneration, wanted: (state: AvatarState) => boolean): Promise<AvatarState> {
  return new Promise((resolve) => {
    const look = () => {
      if (!wanted(generation.state)) return;
      leave();
      resolve(generation.state);
    };
    const leave = generation.subscribe(look);
    look();
  });
}

/** Resolves once something is true that nobody tells of. */
export async function eventually(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => { setTimeout(resolve, 5); });
}
