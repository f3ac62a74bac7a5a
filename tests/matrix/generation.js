'use client';

// The hook as an app of this React has it: who asks is in the page's address.

import { createElement, useEffect, useState } from 'react';
import { AvatarGenerator, AvatarProvider } from 'tintype/react';

export function Generation({ base, draw }) {
  const [caller, setCaller] = useState(null);
  useEffect(() => {
    const asked = new URLSearchParams(window.location.search);
    setCaller({ user: asked.get('user'), token: asked.get('token') });
  }, []);
  if (!caller?.user) return null;
  const children = ({ generateAvatar, isGenerating, progress, error, storageUrl }) => createElement('section', null,
    createElement('button', { onClick: () => generateAvatar({ name: 'Ada' }), disabled: isGenerating }, 'Generate'),
    createElement('output', null, error ?? progress?.status ?? 'idle'),
    storageUrl && draw(storageUrl));
  return createElement(AvatarProvider, { base, accessToken: () => caller.token },
    createElement(AvatarGenerator, { userId: caller.user, children }));
}
