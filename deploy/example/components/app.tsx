'use client';

import { useEffect } from 'react';
import { account, restore } from '../lib/account';
import { useStore } from '../lib/store';
import { ConnectionNotice } from './connection-notice';
import { SignIn, SignInAgain } from './sign-in';
import { Workshop } from './workshop';

export function App() {
  const now = useStore(account, null);
  useEffect(restore, []);
  return (
    <>
      <ConnectionNotice />
      {!now && <main className="welcome"><p className="quiet">One moment…</p><noscript>This app needs JavaScript.</noscript></main>}
      {now && !now.session && <SignIn />}
      {now?.session && <Workshop key={now.session.user.key} user={now.session.user} />}
      {now?.session && now.isExpired && <SignInAgain user={now.session.user} />}
    </>
  );
}
