// Signs in one of the example's users, whoever asks: there is no password. Only this app's own pages may ask.

import { signToken } from '../../../lib/token.js';
import { USERS } from '../../../lib/users';

/** Seconds. Afterwards the page asks to sign in again. */
const LIFETIME = 15 * 60;

const refused = (status: number, error: string) => Response.json({ error }, { status });

function isFromOurPage(request: Request): boolean {
  const site = request.headers.get('sec-fetch-site');
  if (site) return site === 'same-origin';
  const origin = request.headers.get('origin');
  return origin !== null && URL.canParse(origin) && new URL(origin).host === request.headers.get('host');
}

export async function POST(request: Request): Promise<Response> {
  const secret = process.env.SUPABASE_JWT_SECRET;
  if (!secret) return refused(500, 'SUPABASE_JWT_SECRET is not set');
  if (!isFromOurPage(request)) return refused(403, 'Only pages of this app sign in here');
  const asked: unknown = await request.json().catch(() => null);
  const user = USERS.find(({ key }) => key === Object(asked).user);
  if (!user) return refused(400, 'There is no such user');
  const token = signToken({ role: 'authenticated', aud: 'authenticated', sub: user.id }, secret, LIFETIME);
  return Response.json({ token, expires_in: LIFETIME }, { headers: { 'cache-control': 'no-store' } });
}
