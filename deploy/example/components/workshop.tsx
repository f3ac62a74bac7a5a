import { useCallback, useEffect, useMemo, useState } from 'react';
import { AvatarProvider } from 'tintype/react';
import { refused, signOut, token } from '../lib/account';
import { listCharacters } from '../lib/characters';
import { suspect } from '../lib/connection';
import { ANON_KEY, makeClient, TINTYPE } from '../lib/tintype';
import { useLoaded } from '../lib/use-loaded';
import type { User } from '../lib/users';
import { Characters } from './characters';
import { Fault } from './field';
import { Proofs } from './proofs';
import { CharacterSheet } from './sheet';

/** How progress comes: both are told the same. */
type Way = 'channel' | 'events';

/** All that one user sees. */
export function Workshop({ user }: { user: User }) {
  const supabase = useMemo(() => makeClient({ token, refused, lost: () => { void suspect(); } }), []);
  useEffect(() => () => { void supabase.removeAllChannels(); }, [supabase]);
  const [way, setWay] = useState<Way>('channel');
  const [chosen, setChosen] = useState<string | null>(null);
  const { data: characters, fault, reload } = useLoaded(useCallback(() => listCharacters(supabase), [supabase]));
  const character = characters?.find(({ id }) => id === chosen) ?? characters?.[0];
  const connected = way === 'channel' ? { supabase } : { base: TINTYPE, accessToken: token, apikey: ANON_KEY };

  return (
    <AvatarProvider {...connected}>
      <header className="top">
        <p className="brand">Character sheets</p>
        <p><span className="as">Signed in as </span><strong>{user.name}</strong></p>
        <button onClick={signOut}>Sign out</button>
      </header>
      <main>
        <h1>{user.name}’s characters</h1>
        <Fault text={fault} />
        {fault && <button onClick={() => { void reload(); }}>Load again</button>}
        {characters && (
          <Characters
            supabase={supabase} user={user} characters={characters} chosen={character?.id ?? null} onChoose={setChosen}
            onAdded={async ({ id }) => { await reload(); setChosen(id); }}
          />
        )}
        {!characters && !fault && <p className="quiet" role="status">Loading your characters…</p>}
        {character && <CharacterSheet key={character.id} supabase={supabase} character={character} onChanged={reload} />}
        <Proofs supabase={supabase} user={user} />
      </main>
      <footer>
        <fieldset className="ways">
          <legend>Progress comes by</legend>
          {([['channel', 'a channel of supabase-js'], ['events', 'Server-Sent Events']] as const).map(([value, label]) => (
            <label key={value}>
              <input type="radio" name="way" checked={way === value} onChange={() => setWay(value)} /> {label}
            </label>
          ))}
        </fieldset>
      </footer>
    </AvatarProvider>
  );
}
