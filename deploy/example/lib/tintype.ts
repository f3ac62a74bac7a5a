// supabase-js, pointed at tintype.

import { createClient, type SupabaseClient } from '@supabase/supabase-js';

export const TINTYPE = process.env.NEXT_PUBLIC_SUPABASE_URL ?? '';
export const ANON_KEY = process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY ?? '';

export const AVATARS = 'kinkster-avatars';
export const PROOFS = 'task-proofs';

interface Around {
  token: () => Promise<string | null>;
  /** The server refused this token; answers another one. */
  refused: (spent: string) => Promise<string | null>;
  /** A request was lost on its way. */
  lost: () => void;
}

/** A client of whoever is signed in. */
export function makeClient({ token, refused, lost }: Around): SupabaseClient {
  const send = async (input: RequestInfo | URL, init: RequestInit = {}) => {
    try {
      return await fetch(input, init);
    } catch (fault) {
      if (!init.signal?.aborted) lost();
      throw fault;
    }
  };
  const sendSigned: typeof fetch = async (input, init) => {
    const answer = await send(input, init);
    if (!await isRefusal(answer)) return answer;
    const headers = new Headers(init?.headers);
    const another = await refused(headers.get('authorization')?.replace(/^Bearer /, '') ?? '');
    if (!another) return answer;
    headers.set('authorization', `Bearer ${another}`);
    return send(input, { ...init, headers });
  };
  return createClient(TINTYPE, ANON_KEY, { accessToken: token, global: { fetch: sendSigned } });
}

/** Storage says 400 where others say 401, and why in its body. */
async function isRefusal(answer: Response): Promise<boolean> {
  if (answer.status !== 400) return answer.status === 401;
  const said = Object(await answer.clone().json().catch(() => ({}))) as Record<string, unknown>;
  return said['statusCode'] === '403' && /"exp" claim|signature|jws|jwt/i.test(String(said['message']));
}
