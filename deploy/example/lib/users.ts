/** Who can sign in. A real app has its own sign-in; all that tintype wants is a token with this `sub`. */
export const USERS = [
  { key: 'ann', id: '7a1f6c1e-0d5b-4a53-9c57-1f0a7c1d5a01', name: 'Ann' },
  { key: 'ben', id: '2c9e4b70-83a6-4f0e-b1d4-6e5f3a9c7b02', name: 'Ben' },
] as const;

export type User = (typeof USERS)[number];
