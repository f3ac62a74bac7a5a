// A user's characters: rows of `kinksters`, whose avatar columns tintype writes.

import type { SupabaseClient } from '@supabase/supabase-js';
import type { Picture } from './checks';
import { AVATARS } from './tintype';

export interface Character {
  id: string;
  user_id: string;
  name: string | null;
  avatar_url: string | null;
  avatar_prompt: string | null;
}

const COLUMNS = 'id,user_id,name,avatar_url,avatar_prompt';

export async function listCharacters(supabase: SupabaseClient): Promise<Character[]> {
  const { data } = await supabase.from('kinksters').select(COLUMNS).throwOnError();
  return data as Character[];
}

export async function addCharacter(supabase: SupabaseClient, userId: string, name: string): Promise<Character> {
  const { data } = await supabase.from('kinksters').insert({ user_id: userId, name }).select(COLUMNS).single().throwOnError();
  return data as Character;
}

export async function changeCharacter(supabase: SupabaseClient, id: string, change: Partial<Character>): Promise<void> {
  await supabase.from('kinksters').update(change).eq('id', id).throwOnError();
}

/** A picture of the user's own in place of the avatar. Its name is new, so that no cache knows it. */
export async function replaceAvatar(supabase: SupabaseClient, { id, user_id: userId }: Character, { file, type, extension }: Picture): Promise<void> {
  const avatars = supabase.storage.from(AVATARS);
  const path = `${userId}/kinksters/avatar_${Date.now()}_${id}.${extension}`;
  const { error } = await avatars.upload(path, file, { contentType: type, cacheControl: '3600' });
  if (error) throw error;
  await changeCharacter(supabase, id, { avatar_url: avatars.getPublicUrl(path).data.publicUrl });
}

/** The row first: a page that shows it must not show what is gone. */
export async function removeAvatar(supabase: SupabaseClient, { id, avatar_url: url }: Character): Promise<void> {
  await changeCharacter(supabase, id, { avatar_url: null });
  const [, path] = url?.split(`/object/public/${AVATARS}/`) ?? [];
  if (!path) return;
  const { error } = await supabase.storage.from(AVATARS).remove([decodeURIComponent(path)]);
  if (error) throw error;
}
