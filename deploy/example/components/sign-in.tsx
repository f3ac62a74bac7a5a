import { useState } from 'react';
import { signIn, signOut } from '../lib/account';
import { wordsOf } from '../lib/checks';
import { USERS, type User } from '../lib/users';
import { Fault } from './field';
import { Modal } from './modal';

function useSignIn() {
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const enter = async (user: User) => {
    setBusy(true);
    setFault(null);
    // Where it succeeds the form is gone.
    await signIn(user).catch((reason: unknown) => setFault(wordsOf(reason)));
    setBusy(false);
  };
  return { fault, isBusy, enter };
}

export function SignIn() {
  const { fault, isBusy, enter } = useSignIn();
  return (
    <main className="welcome">
      <img className="mark" src="/icon.svg" alt="" />
      <h1>Character sheets</h1>
      <p>Describe somebody, have a portrait painted, and keep proofs that only you can see.</p>
      <div className="users">
        {USERS.map((user) => (
          <button key={user.key} className="primary" disabled={isBusy} onClick={() => { void enter(user); }}>
            Sign in as {user.name}
          </button>
        ))}
      </div>
      <Fault text={fault} />
      <p className="quiet">There is no password: this example signs in whoever asks, on this machine alone.</p>
    </main>
  );
}

/** What was begun waits for this, and goes on. */
export function SignInAgain({ user }: { user: User }) {
  const { fault, isBusy, enter } = useSignIn();
  return (
    <Modal title="Sign in again">
      <p>Your session has ended. Sign in, and what you were doing goes on where it was.</p>
      <Fault text={fault} />
      <div className="row">
        <button className="primary" disabled={isBusy} onClick={() => { void enter(user); }}>Sign in as {user.name}</button>
        <button disabled={isBusy} onClick={signOut}>Sign out</button>
      </div>
    </Modal>
  );
}
