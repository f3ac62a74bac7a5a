// Pictures that only their owner sees, in a private bucket, by links that end.

import type { SupabaseClient } from '@supabase/supabase-js';
import type { Picture } from './checks';
import { PROOFS } from './tintype';

/** Seconds. */
export const LINK_SECONDS = 60;

export interface Proof {
  path: string;
  name: string;
  bytes: number;
  /** ISO 8601. */
  at: string;
}

export interface Link {
  /** Of the picture, at a width. */
  shown: string;
  original: string;
  /** Milliseconds since 1970. */
  endsAt: number;
}

const ok = <T>({ data, error }: { data: T; error: Error | null }): NonNullable<T> => {
  if (error) throw error;
  return data as NonNullable<T>;
};

export async function listProofs(supabase: SupabaseClient, userId: string): Promise<Proof[]> {
  const rows = ok(await supabase.storage.from(PROOFS).list(userId, { sortBy: { column: 'created_at', order: 'desc' } }));
  return rows.filter(({ id }) => id).map(({ name, metadata, created_at: at }) => ({
    path: `${userId}/${name}`,
    // As it was called, behind the moment that makes it one of its kind.
    name: name.replace(/^\d+_/, ''),
    bytes: Number(metadata?.['size'] ?? 0),
    at: at ?? '',
  }));
}

export async function addProof(supabase: SupabaseClient, userId: string, { file, type, extension }: Picture): Promise<void> {
  const name = file.name.replace(/\.[^.]*$/, '').replace(/[^\w-]+/g, '-').slice(0, 60) || 'proof';
  ok(await supabase.storage.from(PROOFS).upload(`${userId}/${Date.now()}_${name}.${extension}`, file, { contentType: type }));
}

export async function linkTo(supabase: SupabaseClient, { path }: Proof): Promise<Link> {
  const proofs = supabase.storage.from(PROOFS);
  const endsAt = Date.now() + LINK_SECONDS * 1000;
  const [shown, original] = await Promise.all([
    proofs.createSignedUrl(path, LINK_SECONDS, { transform: { width: 960 } }),
    proofs.createSignedUrl(path, LINK_SECONDS),
  ]);
  return { shown: ok(shown).signedUrl, original: ok(original).signedUrl, endsAt };
}

export async function removeProof(supabase: SupabaseClient, { path }: Proof): Promise<void> {
  ok(await supabase.storage.from(PROOFS).remove([path]));
}
