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

type Connected = AvatarConnection & { supabase: SupabaseLike };

/** The topics of one client. It knows one channel of a name, whoever asks for it, so that all who listen share that one. */
class Topics {
  readonly rooms = new Map<string, Room>();
  /** Channels that are being left: one that is asked for meanwhile would be the same that is about to go. */
  readonly leaving = new Map<string, Promise<unknown>>();
}

const topicsOf = new WeakMap<SupabaseLike, Topics>();

/** Those who listen to one topic. */
class Room {
  readonly #ears = new Set<Ears>();
  #isJoined = false;
  #leave = () => Promise.resolve<unknown>(undefined);

  enter(ears: Ears): void {
    this.#ears.add(ears);
    if (this.#isJoined) ears.connected(true);
  }

  /** Answers whether nobody is left. */
  quit(ears: Ears): boolean {
    return this.#ears.delete(ears) && this.#ears.size === 0;
  }

  leave(): Promise<unknown> {
    return this.#leave().catch(() => {});
  }

  async join(connection: Connected, topic: string, before: Promise<unknown> | undefined): Promise<void> {
    const { supabase } = connection;
    try {
      await before;
      // As Supabase's own guide says: the first join then carries the user's token.
      await supabase.realtime.setAuth(connection.accessToken ? await tokenOf(connection) : undefined);
    } catch (fault) {
      return this.#all((ears) => ears.failed(fault instanceof Error ? fault.message : String(fault)));
    }
    if (this.#ears.size === 0) return;
    const channel = supabase.channel(topic, { config: { private: true, broadcast: { self: true, ack: true } } });
    this.#leave = () => supabase.removeChannel(channel as never);
    channel.on('broadcast', { event: EVENT }, ({ payload }) => this.#all((ears) => ears.heard(payload)));
    channel.subscribe((state, error) => {
      this.#isJoined = state === 'SUBSCRIBED';
      this.#all((ears) => ears.connected(this.#isJoined));
      const refused = state === 'CHANNEL_ERROR' && /unauthorized/i.test(error?.message ?? '');
      if (refused) this.#all((ears) => ears.failed(error!.message));
    });
  }

  #all(tell: (ears: Ears) => void): void {
    [...this.#ears].forEach(tell);
  }
}

/** Listens until what is answered is called. supabase-js joins again by itself, and the last state comes with each join. */
export function listenByChannel(connection: Connected, topic: string, ears: Ears): () => void {
  const topics = topicsOf.get(connection.supabase) ?? new Topics();
  topicsOf.set(connection.supabase, topics);
  const known = topics.rooms.get(topic);
  const room = known ?? new Room();
  room.enter(ears);
  if (!known) {
    topics.rooms.set(topic, room);
    void room.join(connection, topic, topics.leaving.get(topic));
  }
  return () => {
    if (!room.quit(ears)) return;
    topics.rooms.delete(topic);
    const left = room.leave();
    topics.leaving.set(topic, left);
    void left.then(() => { if (topics.leaving.get(topic) === left) topics.leaving.delete(topic); });
  };
}
