import type { SupabaseClient } from '@supabase/supabase-js';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { useAvatarGeneration } from 'tintype/react';
import { changeCharacter, removeAvatar, replaceAvatar, type Character } from '../lib/characters';
import { listed, PROMPT_CHARACTERS, sheetFaults, wordsOf, type Faults, type Sheet } from '../lib/checks';
import { suspect } from '../lib/connection';
import { Fault, Field } from './field';
import { Modal } from './modal';
import { PictureField } from './picture-field';
import { Plate } from './plate';
import { Sizes } from './sizes';

/** What was written of each character, while the page is open: the rows keep the name and the prompt alone. */
const drafts = new Map<string, Sheet>();

const begun = ({ id, name }: Character): Sheet => drafts.get(id)
  ?? { name: name ?? '', archetype: '', traits: '', appearance: '', clothing: '', background: '', prompt: '' };

/** As tintype's prompts take a character: `character_data` of the contract. */
function characterData(sheet: Sheet) {
  const given = (text: string) => text.trim() || undefined;
  const background = given(sheet.background);
  return {
    name: sheet.name.trim(),
    archetype: given(sheet.archetype),
    personality_traits: listed(sheet.traits),
    appearance: given(sheet.appearance),
    props: {
      clothing: { top: listed(sheet.clothing) },
      ...(background ? { background: { type: 'environment', environment: background } } : {}),
    },
  };
}

interface CharacterSheetProps {
  supabase: SupabaseClient;
  character: Character;
  onChanged: () => Promise<void>;
}

export function CharacterSheet({ supabase, character, onChanged }: CharacterSheetProps) {
  const [sheet, setSheet] = useState(() => begun(character));
  const [faults, setFaults] = useState<Faults<Sheet>>({});
  const [fault, setFault] = useState<string | null>(null);
  const [isAsking, setAsking] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const portrait = useRef<HTMLDivElement>(null);
  const avatar = useAvatarGeneration({
    userId: character.user_id,
    kinksterId: character.id,
    onComplete: () => { void onChanged(); },
  });
  const { isGenerating, isConnected } = avatar;

  // Progress stopped coming: shown if nothing else comes either.
  const wasConnected = useRef(false);
  useEffect(() => {
    if (isGenerating && wasConnected.current && !isConnected) void suspect();
    wasConnected.current = isConnected;
  }, [isGenerating, isConnected]);

  useEffect(() => {
    if (isGenerating) portrait.current?.querySelector('.frame')?.scrollIntoView({ block: 'nearest' });
  }, [isGenerating]);

  const write = (name: keyof Sheet) => (text: string) => {
    const next = { ...sheet, [name]: text };
    drafts.set(character.id, next);
    setSheet(next);
    // What was wrong is looked at again; what is only begun is left alone.
    if (faults[name]) setFaults(sheetFaults(next));
  };

  const generate = async (event: FormEvent) => {
    event.preventDefault();
    const wrong = sheetFaults(sheet);
    setFaults(wrong);
    if (Object.keys(wrong).length) {
      // Once they are marked.
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
      return;
    }
    setFault(null);
    try {
      const name = sheet.name.trim();
      if (name !== character.name) {
        await changeCharacter(supabase, character.id, { name });
        void onChanged();
      }
      await avatar.generateAvatar(characterData(sheet), sheet.prompt.trim() || undefined);
    } catch (reason) {
      setFault(wordsOf(reason));
    }
  };

  const remove = async () => {
    setAsking(false);
    setFault(null);
    try {
      await removeAvatar(supabase, character);
    } catch (reason) {
      setFault(wordsOf(reason));
    }
    await onChanged();
  };

  const field = (name: keyof Sheet, label: string, more: { hint?: string; placeholder?: string; hasLines?: boolean; isRequired?: boolean } = {}) => (
    <Field label={label} value={sheet[name]} onChange={write(name)} fault={faults[name]} {...more} />
  );
  const url = character.avatar_url;

  return (
    <section className="sheet" aria-label={`Sheet of ${character.name ?? 'your character'}`}>
      <form ref={form} onSubmit={generate} noValidate>
        <h2>Description</h2>
        {field('name', 'Name', { isRequired: true })}
        {field('archetype', 'Archetype', { placeholder: 'Captain of an airship' })}
        {field('traits', 'Traits', { placeholder: 'bold, patient, curious', hint: 'Up to three, parted by commas.' })}
        {field('appearance', 'Appearance', { placeholder: 'silver hair, green eyes' })}
        {field('clothing', 'Clothing', { placeholder: 'red coat, brass goggles' })}
        {field('background', 'Place', { placeholder: 'above the clouds' })}
        {field('prompt', 'In your own words', { hasLines: true, hint: `Up to ${PROMPT_CHARACTERS} characters.` })}
        <div className="row">
          <button type="submit" className="primary" disabled={isGenerating}>{url ? 'Generate anew' : 'Generate'}</button>
          {isGenerating && <button type="button" onClick={() => { void avatar.cancel(); }}>Cancel</button>}
          {!isGenerating && url && avatar.progress && (
            <button type="button" onClick={() => { void avatar.regenerate(sheet.prompt.trim() || undefined); }}>Another like it</button>
          )}
        </div>
        <Fault text={fault} />
      </form>

      <div className="portrait" ref={portrait}>
        <h2>Portrait</h2>
        <Plate avatar={avatar} url={url} name={character.name ?? 'your character'} />
        {url && (
          <>
            <Sizes url={url} name={character.name ?? 'your character'} />
            {!isGenerating && <button className="danger" onClick={() => setAsking(true)}>Delete the portrait</button>}
          </>
        )}
        {/* What is being painted would take its place. */}
        {!isGenerating && (
          <PictureField
            label={url ? 'Replace it by a picture of your own' : 'Or take a picture of your own'}
            action={url ? 'Replace' : 'Upload'} hint="PNG, JPEG or WebP, up to 5 MB. Everybody can see portraits."
            onSend={async (picture) => { await replaceAvatar(supabase, character, picture); await onChanged(); }}
          />
        )}
      </div>

      {isAsking && (
        <Modal title="Delete the portrait?" onClose={() => setAsking(false)}>
          <p>It goes for everybody, at every size.</p>
          <div className="row">
            <button className="danger" onClick={() => { void remove(); }}>Delete</button>
            <button onClick={() => setAsking(false)}>Keep it</button>
          </div>
        </Modal>
      )}
    </section>
  );
}
