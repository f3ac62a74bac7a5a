// Keys and tokens, made by another library than the server's.

import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';

/** What the server under test knows. */
export const SECRET = 'secret of the client tests: nobody else believes it';
export const PUBLISHABLE_KEY = 'sb_publishable_client-tests-0123456789abcdef';
export const SECRET_KEY = 'sb_secret_client-tests-0123456789abcdef';

const HOUR = 3600;
const seconds = () => Math.floor(Date.now() / 1000);

/** A token with these claims. `secret`: of another signer. */
export function token(claims, secret = SECRET) {
  const whole = { iat: seconds(), exp: seconds() + HOUR, ...claims };
  return new SignJWT(whole).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(secret));
}

export const ANON = await token({ role: 'anon' });
export const SERVICE = await token({ role: 'service_role' });

/** A new user: {id, token}. */
export async function newUser() {
  const id = randomUUID();
  return { id, token: await token({ role: 'authenticated', sub: id, aud: 'authenticated' }) };
}

/** A token that was good an hour ago. */
export const expired = (claims) => token({ ...claims, iat: seconds() - 2 * HOUR, exp: seconds() - HOUR });
