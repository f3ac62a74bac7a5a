// The real binary, as the other clients' tests start it.

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../../../..');
const processes = join(repository, 'tests/next/browser/support/tintype.js');

export interface Server {
  url: string;
  log(): string;
  stop(): Promise<void>;
}

const SECRET = 'secret of the package tests: nobody else believes it';
const PHOTOS = { name: 'photos', folder: join(repository, 'fixtures/photos') };

/** Starts `serve` on a free port, with the photographs as a bucket and these variables. */
export async function startTintype(environment: Record<string, string> = {}): Promise<Server> {
  const { startTintypeWith } = await import(/* @vite-ignore */ processes) as { startTintypeWith(...args: unknown[]): Promise<Server> };
  return startTintypeWith({ TINTYPE_JWT_SECRET: SECRET, ...environment }, 'serve', '--bucket', `${PHOTOS.name}=${PHOTOS.folder}`);
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token of this role and subject, good for ten minutes. */
export function token(role: string, sub?: string): string {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ role, sub, iat: now, exp: now + 600 })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

export const fixture = (name: string) => readFileSync(join(repository, 'fixtures', name));

/** Puts a picture into a bucket of the server's own, by the service. */
export async function upload(server: Server, object: string, name = 'photos/avatar-fox.png'): Promise<void> {
  const headers = { authorization: `Bearer ${token('service_role')}`, 'content-type': 'image/png', 'x-upsert': 'true' };
  const answer = await fetch(`${server.url}/storage/v1/object/${object}`, { method: 'POST', headers, body: fixture(name) });
  if (!answer.ok) throw new Error(`${object}: ${answer.status} ${await answer.text()}`);
}

/** [width, height] of a PNG, by its header. */
export function pngSize(bytes: ArrayBuffer): [number, number] {
  const picture = Buffer.from(bytes);
  if (picture.subarray(1, 4).toString('latin1') !== 'PNG') throw new Error('no PNG');
  return [picture.readUInt32BE(16), picture.readUInt32BE(20)];
}
