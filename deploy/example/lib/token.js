// Tokens as Supabase's servers sign them: JWTs by HS256. For servers alone: whoever has the secret is anybody.

import { createHmac } from 'node:crypto';

/** @param {unknown} part */
const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

/**
 * @param {Record<string, unknown>} claims
 * @param {string} secret
 * @param {number} lifetime in seconds
 */
export function signToken(claims, secret, lifetime) {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ ...claims, iat: now, exp: now + lifetime })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
