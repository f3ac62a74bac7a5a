import type { SupabaseClient } from '@supabase/supabase-js';
import Image from 'next/image';
import { useState, type FormEvent } from 'react';
import { addCharacter, type Character } from '../lib/characters';
import { nameFault, wordsOf } from '../lib/checks';
import type { User } from '../lib/users';
import { Field } from './field';

interface CharactersProps {
  supabase: SupabaseClient;
  user: User;
  characters: Character[];
  chosen: string | null;
  onChoose: (id: string) => void;
  onAdded: (character: Character) => Promise<void>;
}

/** Whom there is, and a form for somebody new. */
export function Characters({ supabase, user, characters, chosen, onChoose, onAdded }: CharactersProps) {
  const [name, setName] = useState('');
  const [fault, setFault] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const add = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const wrong = nameFault(name);
    setFault(wrong);
    if (wrong) {
      event.currentTarget.querySelector('input')?.focus();
      return;
    }
    setBusy(true);
    try {
      await onAdded(await addCharacter(supabase, user.id, name.trim()));
      setName('');
    } catch (reason) {
      setFault(wordsOf(reason));
    }
    setBusy(false);
  };

  return (
    <section className="characters" aria-label="Characters">
      {characters.length > 0 && (
        <ul>
          {characters.map(({ id, name: called, avatar_url: url }) => (
            <li key={id}>
              <button className="chip" aria-pressed={id === chosen} onClick={() => onChoose(id)}>
                {url
                  ? <Image src={url} width={32} height={32} alt="" />
                  : <span className="no-picture" aria-hidden="true">{[...called ?? '?'][0]}</span>}
                <span>{called ?? 'Nameless'}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <form className="new" onSubmit={add} noValidate>
        <Field label="New character" value={name} onChange={(text) => { setName(text); setFault(undefined); }} fault={fault} placeholder="Their name" isRequired />
        <button type="submit" disabled={isBusy}>{isBusy ? 'Adding…' : 'Add'}</button>
      </form>
    </section>
  );
}
