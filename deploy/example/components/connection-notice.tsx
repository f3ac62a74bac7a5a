import { useEffect, useState } from 'react';
import { connection, suspect, WHOLE } from '../lib/connection';
import { useStore } from '../lib/store';

/** Milliseconds for which is said that all is well again. */
const GLAD = 4_000;

/** Says when the connection is lost, and when it is found again. */
export function ConnectionNotice() {
  const { isLost, healed } = useStore(connection, WHOLE);
  const [isGlad, setGlad] = useState(false);
  useEffect(() => {
    const look = () => { void suspect(); };
    window.addEventListener('offline', look);
    window.addEventListener('online', look);
    return () => {
      window.removeEventListener('offline', look);
      window.removeEventListener('online', look);
    };
  }, []);
  useEffect(() => {
    if (!healed) return undefined;
    setGlad(true);
    const timer = setTimeout(() => setGlad(false), GLAD);
    return () => clearTimeout(timer);
  }, [healed]);
  return (
    <div role="status" className="connection" data-state={isLost ? 'lost' : isGlad ? 'healed' : 'whole'}>
      {isLost && 'The connection is lost. Trying again; nothing you began is lost.'}
      {!isLost && isGlad && 'Connected again.'}
    </div>
  );
}
