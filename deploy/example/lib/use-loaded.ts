import { useCallback, useEffect, useState } from 'react';
import { connection, WHOLE } from './connection';
import { useStore } from './store';
import { wordsOf } from './checks';

interface Loaded<T> {
  data: T | null;
  fault: string | null;
  reload: () => Promise<void>;
}

/** Loads at the start, when `load` changes, and whenever a lost connection was found again. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ data: T | null; fault: string | null }>({ data: null, fault: null });
  const { healed } = useStore(connection, WHOLE);
  const reload = useCallback(async () => {
    try {
      setState({ data: await load(), fault: null });
    } catch (fault) {
      setState((before) => ({ ...before, fault: wordsOf(fault) }));
    }
  }, [load]);
  useEffect(() => { void reload(); }, [reload, healed]);
  return { ...state, reload };
}
