'use client';

import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import { AvatarGeneration, IDLE } from './avatars/generation.js';
import type { AvatarConnection, AvatarOptions, AvatarState, CharacterData } from './avatars/types.js';

export { AvatarError } from './avatars/types.js';
export type { AvatarConnection, AvatarOptions, AvatarProgress, AvatarState, AvatarStatus, CharacterData } from './avatars/types.js';

const Connection = createContext<AvatarConnection>({});

/** Tells every hook below how tintype is reached, so that the hooks need not. */
export function AvatarProvider({ children, ...connection }: AvatarConnection & { children?: ReactNode }): ReactNode {
  const { base, supabase, accessToken, apikey } = connection;
  const value = useMemo(() => ({ base, supabase, accessToken, apikey }), [base, supabase, accessToken, apikey]);
  return createElement(Connection.Provider, { value }, children);
}

export interface UseAvatarGeneration extends AvatarState {
  /** Resolves once the job is taken on, or refused; `onComplete` and `onError` tell the end. */
  generateAvatar: (characterData: CharacterData, customPrompt?: string) => Promise<void>;
  /** Answers whether the job was ended. */
  cancel: () => Promise<boolean>;
  /** The same character once more, with another prompt if one is given. */
  regenerate: (customPrompt?: string) => Promise<void>;
}

const idle = () => IDLE;

/** Makes an avatar and tells how far it is. */
export function useAvatarGeneration(options: AvatarOptions): UseAvatarGeneration {
  const shared = useContext(Connection);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const whole = { ...shared, ...given } as AvatarOptions;
  const { userId, kinksterId } = options;
  // What belongs to somebody else's avatar is never shown, not even once.
  const generation = useMemo(() => new AvatarGeneration(whole), [userId, kinksterId]);
  useEffect(() => generation.update(whole));
  useEffect(() => (userId ? generation.start() : undefined), [generation, userId]);
  const state = useSyncExternalStore(generation.subscribe, () => generation.state, idle);
  const { generate, cancel, regenerate } = generation;
  const generateAvatar = useCallback((data: CharacterData, prompt?: string) => generate(data, prompt), [generate]);
  return { ...state, generateAvatar, cancel, regenerate };
}

export interface AvatarGeneratorProps extends AvatarOptions {
  /** Draws what there is; the component itself draws nothing. */
  children: (avatar: UseAvatarGeneration) => ReactNode;
}

/** The hook as a component. */
export function AvatarGenerator({ children, ...options }: AvatarGeneratorProps): ReactNode {
  return children(useAvatarGeneration(options));
}
