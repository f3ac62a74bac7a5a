// What is wrong, in words, before anything is sent. The server looks again.

export const NAME_CHARACTERS = 80;
export const PROMPT_CHARACTERS = 500;
export const TRAITS = 3;
const TRAIT_CHARACTERS = 60;
const TEXT_CHARACTERS = 200;
/** As both buckets have it. */
export const PICTURE_BYTES = 5 * 1024 * 1024;

/** What is known of somebody who is to be painted. */
export interface Sheet {
  name: string;
  archetype: string;
  traits: string;
  appearance: string;
  clothing: string;
  background: string;
  prompt: string;
}

export type Faults<T> = Partial<Record<keyof T, string>>;

/** Commas and semicolons part a list. */
export const listed = (text: string): string[] => text.split(/[,;]/).map((part) => part.trim()).filter(Boolean);

export function nameFault(name: string): string | undefined {
  if (!name.trim()) return 'Give your character a name.';
  if (name.trim().length > NAME_CHARACTERS) return `At most ${NAME_CHARACTERS} characters; these are ${name.trim().length}.`;
  return undefined;
}

const tooLong = (text: string, most: number) => (text.length > most ? `At most ${most} characters; these are ${text.length}.` : undefined);

export function sheetFaults(sheet: Sheet): Faults<Sheet> {
  const traits = listed(sheet.traits);
  const found: Faults<Sheet> = {
    name: nameFault(sheet.name),
    archetype: tooLong(sheet.archetype, TEXT_CHARACTERS),
    traits: traits.length > TRAITS
      ? `At most ${TRAITS} traits count; these are ${traits.length}.`
      : traits.map((trait) => tooLong(trait, TRAIT_CHARACTERS)).find(Boolean),
    appearance: tooLong(sheet.appearance, TEXT_CHARACTERS),
    clothing: tooLong(sheet.clothing, TEXT_CHARACTERS),
    background: tooLong(sheet.background, TEXT_CHARACTERS),
    prompt: tooLong(sheet.prompt, PROMPT_CHARACTERS),
  };
  return Object.fromEntries(Object.entries(found).filter(([, fault]) => fault)) as Faults<Sheet>;
}

export interface Picture {
  file: File;
  type: string;
  extension: string;
}

/** By their first bytes: what a file is called does not count. */
const TYPES: { type: string; extension: string; begins: RegExp }[] = [
  { type: 'image/png', extension: 'png', begins: /^\x89PNG\r\n\x1a\n/ },
  { type: 'image/jpeg', extension: 'jpg', begins: /^\xff\xd8\xff/ },
  { type: 'image/webp', extension: 'webp', begins: /^RIFF[^]{4}WEBP/ },
];

/** The picture, or what is wrong with the file. */
export async function readPicture(file: File | undefined): Promise<Picture | string> {
  if (!file) return 'Choose a picture first.';
  if (!file.size) return 'This file is empty.';
  if (file.size > PICTURE_BYTES) return `At most 5 MB; this file has ${(file.size / 1024 / 1024).toFixed(1)} MB.`;
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  const found = TYPES.find(({ begins }) => begins.test(head));
  if (!found) return 'Only PNG, JPEG and WebP pictures; this is none of them.';
  return { file, type: found.type, extension: found.extension };
}

/** Bytes as people say them. */
export function bytesInWords(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** Text of whatever was thrown or refused. */
export function wordsOf(fault: unknown): string {
  const { message } = Object(fault) as { message?: unknown };
  const text = typeof message === 'string' && message ? message : 'Something went wrong';
  return /failed to fetch|networkerror|load failed/i.test(text) ? 'The connection was lost on the way. Try again.' : text;
}
