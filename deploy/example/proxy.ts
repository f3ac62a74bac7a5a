// A strict Content-Security-Policy: scripts by a nonce, everything else from here and from tintype alone.

import { NextResponse, type NextRequest } from 'next/server';

const tintype = new URL(process.env.NEXT_PUBLIC_SUPABASE_URL ?? '').origin;

function policy(nonce: string): string {
  // What `next dev` needs to reload what was edited.
  const isDevelopment = process.env.NODE_ENV === 'development';
  return [
    `default-src 'none'`,
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${isDevelopment ? ` 'unsafe-eval'` : ''}`,
    `style-src 'self'${isDevelopment ? ` 'unsafe-inline'` : ''}`,
    // next/image says in an attribute how a picture is laid out.
    `style-src-attr 'unsafe-inline'`,
    `img-src 'self' data: blob: ${tintype}`,
    `connect-src 'self' ${tintype} ${tintype.replace(/^http/, 'ws')}`,
    `font-src 'self'`,
    `form-action 'self'`,
    `base-uri 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}

export function proxy(request: NextRequest): NextResponse {
  const csp = policy(btoa(crypto.randomUUID()));
  const headers = new Headers(request.headers);
  // Next reads the nonce from here for the scripts that it writes.
  headers.set('content-security-policy', csp);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('content-security-policy', csp);
  response.headers.set('referrer-policy', 'no-referrer');
  response.headers.set('x-content-type-options', 'nosniff');
  return response;
}

export const config = { matcher: '/((?!_next/static|icon.svg).*)' };
