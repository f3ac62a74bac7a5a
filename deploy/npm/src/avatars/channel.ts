// Progress by a channel of supabase-js, joined as apps of Supabase do.

import { tokenOf } from './http.js';
import type { AvatarConnection, SupabaseLike } from './types.js';

export const EVENT = 'avatar_generation_progress';

export interface Ears {
  heard(payload: unknown): void;
  /** Whether progress is being told. */
  connected(yes: boolean): void;
  /** Progress will not be told, whatever is tried. */
  failed(message: string): void;
}

/** Listens until what is answered is called. supabase-js joins again by itself, and the last state comes with each join. */
export function listenByChannel(connection: AvatarConnection & { supabase: SupabaseLike }, topic: string, ears: Ears): () => void {
  const { supabase } = connection;
  let left = false;
  let leave = () => {};
  const join = async () => {
    // As Supabase's own guide says: the first join then carries the user's token.
    const token = connection.accessToken ? await tokenOf(connection) : undefined;
    await supabase.realtime.setAuth(token);
    if (left) return;
    const channel = supabase.channel(topic, { config: { private: true, broadcast: { self: true, ack: true } } });
    leave = () => { supabase.removeChannel(channel as never).catch(() => {}); };
    channel.on('broadcast', { event: EVENT }, ({ payload }) => { if (!left) ears.heard(payload); });
    channel.subscribe((state, error) => {
      if (left) return;
      ears.connected(state === 'SUBSCRIBED');
      if (state === 'CHANNEL_ERROR' && /unauthorized/i.test(error?.message ?? '')) ears.failed(error!.message);
    });
  };
  join().catch((fault: unknown) => { if (!left) ears.failed(fault instanceof Error ? fault.message : String(fault)); });
  return () => {
    left = true;
    leave();
  };
}
