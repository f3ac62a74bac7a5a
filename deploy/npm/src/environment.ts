// Where tintype answers, as the environment says. Bundlers put the values in place of these very expressions, so each
// is written out, and one that is missing must not break a page that has no `process`.

function given(read: () => string | undefined): string | undefined {
  try {
    return read() || undefined;
  } catch {
    return undefined;
  }
}

/** NEXT_PUBLIC_TINTYPE_URL, or else NEXT_PUBLIC_SUPABASE_URL: what pages and servers see alike, or they would disagree. */
export function environmentBase(): string | undefined {
  return given(() => process.env.NEXT_PUBLIC_TINTYPE_URL) ?? environmentSupabase();
}

/** The project whose URLs are in the app's rows. */
export function environmentSupabase(): string | undefined {
  return given(() => process.env.NEXT_PUBLIC_SUPABASE_URL);
}

/** Bundlers define it, or Node.js has it; its types are not asked of whoever uses the package. */
declare const process: { env: Record<string, string | undefined> };
