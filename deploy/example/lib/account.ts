// Who is signed in. The token is kept for the tab, so that a reload in the middle of a picture goes on.

import { Store } from './store';
import { USERS, type User } from './users';

interface Session {
  user: User;
  token: string;
  /** Milliseconds since 1970 by this machine's clock, whatever the server's says. */
  endsAt: number;
}

export interface Account {
  session: Session | null;
  /** Something waits for a new token. */
  isExpired: boolean;
}

const KEPT = 'example-session';
/** Milliseconds before its end from which on a token is not sent any more. */
const LEEWAY = 2_000;

export const NOBODY: Account = { session: null, isExpired: false };
/** `null` until the tab was looked at. */
export const account = new Store<Account | null>(null);

let waiting: ((token: string | null) => void)[] = [];

/** Looks whether the tab has a session. */
export function restore(): void {
  if (account.get()) return;
  try {
    const { key, token, endsAt } = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as Record<string, unknown>;
    const user = USERS.find((user) => user.key === key);
    const isGood = user && typeof token === 'string' && typeof endsAt === 'number' && endsAt > Date.now() + LEEWAY;
    account.set(isGood ? { session: { user, token, endsAt }, isExpired: false } : NOBODY);
  } catch {
    account.set(NOBODY);
  }
}

/** Throws an Error that says in words why nobody is signed in. */
export async function signIn(user: User): Promise<void> {
  const asked = Date.now();
  const answer = await fetch('/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: user.key }),
  }).catch(() => null);
  if (!answer) throw new Error('The app’s server cannot be reached. Try again in a moment.');
  const said = Object(await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok || typeof said['token'] !== 'string') throw new Error(`Signing in failed: ${String(said['error'] ?? answer.status)}`);
  const session = { user, token: said['token'], endsAt: asked + Number(said['expires_in']) * 1000 };
  const isSame = account.get()?.session?.user.key === user.key;
  sessionStorage.setItem(KEPT, JSON.stringify({ key: user.key, token: session.token, endsAt: session.endsAt }));
  account.set({ session, isExpired: false });
  answerWaiting(isSame ? session.token : null);
}

export function signOut(): void {
  sessionStorage.removeItem(KEPT);
  account.set(NOBODY);
  answerWaiting(null);
}

function answerWaiting(token: string | null): void {
  waiting.splice(0).forEach((answer) => answer(token));
}

/**
 * The token for a request. One that has ended is asked for anew, and the request waits until somebody signed in again:
 * so whatever was begun continues.
 */
export function token(): Promise<string | null> {
  const now = account.get();
  if (!now?.session) return Promise.resolve(null);
  if (!now.isExpired && now.session.endsAt - LEEWAY > Date.now()) return Promise.resolve(now.session.token);
  return renewed(now.session);
}

/** A server refused this token before its end, as after its secret was changed. */
export function refused(spent: string): Promise<string | null> {
  const now = account.get();
  if (!now?.session) return Promise.resolve(null);
  return now.session.token === spent ? renewed(now.session) : token();
}

function renewed(session: Session): Promise<string | null> {
  if (!account.get()?.isExpired) account.set({ session, isExpired: true });
  return new Promise((answer) => { waiting = [...waiting, answer]; });
}
