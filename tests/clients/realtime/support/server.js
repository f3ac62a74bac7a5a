// A tintype of the tests' own, and tokens for it.

import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTintype } from '../../../next/browser/support/tintype.js';

const SECRET = 'a-secret-for-tests-of-at-least-32-bytes';
const folder = mkdtempSync(join(tmpdir(), 'tintype-realtime-'));
const file = join(folder, 'tintype.toml');
writeFileSync(file, `jwt_secret = "${SECRET}"\n[avatars]\nprovider = "painter"\n[[realtime.topics]]\npattern = "team:*"\nrole = "authenticated"\noperations = ["hear", "send"]\n`);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Starts the real binary; `listen` as `host:port`, else any free port. */
export async function serve(listen) {
  const before = process.env.TINTYPE_LISTEN;
  if (listen) process.env.TINTYPE_LISTEN = listen;
  try {
    return await startTintype('serve', '--config', file);
  } finally {
    if (before === undefined) delete process.env.TINTYPE_LISTEN;
    else process.env.TINTYPE_LISTEN = before;
  }
}

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token of this role and subject that ends in `lifetime` seconds. */
export function token(role, subject, lifetime = 600) {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ role, sub: subject, iat: now, exp: now + lifetime })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

export const anon = () => token('anon');
export const service = () => token('service_role');
export const user = (id, lifetime) => token('authenticated', id, lifetime);
