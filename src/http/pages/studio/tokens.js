// What a key or a token says of itself. Believing it is the server's business: here it is only read.

const part = (text) => {
  const bytes = Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
};

function claimsOf(token) {
  try {
    return part(token.split('.')[1]);
  } catch {
    return null;
  }
}

const ROLES = { service_role: 'service', authenticated: 'user', anon: 'visitor' };

/**
 * Reads what was pasted: {fault} for a person, or {secret, role, user, name, until}. `until`: milliseconds since 1970,
 * Infinity where it does not end.
 */
export function read(pasted, now = Date.now()) {
  const secret = pasted.trim().replace(/^bearer\s+/i, '');
  if (!secret) return { fault: 'Paste a key or a token here.' };
  if (/\s/.test(secret)) return { fault: 'There is a gap in it: keys and tokens are one word.' };
  if (/[^\x21-\x7e]/.test(secret)) return { fault: 'It has letters that no key or token has.' };
  if (/^sb_secret_/.test(secret)) return { secret, role: 'service', user: null, name: 'Secret key', until: Infinity };
  if (/^sb_publishable_/.test(secret)) return { secret, role: 'visitor', user: null, name: 'Publishable key', until: Infinity };
  if (secret.split('.').length !== 3) return { fault: 'This is neither a key (sb_secret_…) nor a token (three parts with dots between them).' };
  const claims = claimsOf(secret);
  if (!claims) return { fault: 'This looks like a token, but its middle part cannot be read. Was all of it copied?' };
  const until = Number.isFinite(claims.exp) ? claims.exp * 1000 : Infinity;
  if (until <= now) return { fault: `This token ended at ${new Date(until).toLocaleString('en')}. Take a fresh one from your app.` };
  const role = ROLES[claims.role] ?? 'visitor';
  const name = claims.email ?? (role === 'service' ? 'Service key' : claims.sub) ?? 'Public key';
  return { secret, role, user: typeof claims.sub === 'string' ? claims.sub : null, name: String(name), until };
}
