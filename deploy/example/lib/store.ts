import { useSyncExternalStore } from 'react';

/** A value outside React, which components follow. */
export class Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(initial: T) {
    this.#value = initial;
  }

  get = (): T => this.#value;

  set = (value: T): void => {
    this.#value = value;
    this.#listeners.forEach((listener) => listener());
  };

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  };
}

/** `onServer`: what a page shows before its scripts run. */
export const useStore = <T>(store: Store<T>, onServer: T): T => useSyncExternalStore(store.subscribe, store.get, () => onServer);
