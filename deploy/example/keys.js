// Writes .env.local, once: a secret that tintype and this app share, and the public key that it signs.

import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signToken } from './lib/token.js';

const file = join(import.meta.dirname, '.env.local');
const TEN_YEARS = 10 * 365 * 24 * 3600;

if (!existsSync(file)) {
  const secret = randomBytes(32).toString('base64url');
  const lines = [
    '# Made by deploy/example/setup. The secret signs in as anybody: keep this file to yourself.',
    'NEXT_PUBLIC_SUPABASE_URL=http://127.0.0.1:8787',
    `NEXT_PUBLIC_SUPABASE_ANON_KEY=${signToken({ role: 'anon' }, secret, TEN_YEARS)}`,
    `SUPABASE_JWT_SECRET=${secret}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  console.error(`Wrote ${file}`);
}
