export { AvatarGeneration } from './avatars/generation.js';
export {
  AvatarError, type AvatarConnection, type AvatarOptions, type AvatarProgress, type AvatarState, type AvatarStatus, type CharacterData,
  type SupabaseLike,
} from './avatars/types.js';
