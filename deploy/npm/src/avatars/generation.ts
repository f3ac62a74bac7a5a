// One place on a page where an avatar is made, without any framework: it joins first, then asks, hears or asks for every
// state, and comes to an end whatever is lost on the way.

import { listenByChannel, type Ears } from './channel.js';
import { ask, call, hasToken, tokenOf } from './http.js';
import { listenByStream, pause } from './stream.js';
import { isOver, progressOf, sameId } from './told.js';
import { AvatarError, type AvatarOptions, type AvatarProgress, type AvatarState, type CharacterData } from './types.js';

export const IDLE: AvatarState = Object.freeze({
  progress: null, isGenerating: false, error: null, fault: null, jobId: null, storageUrl: null, isConnected: false,
});

/** Milliseconds. */
const TIMEOUT = 300_000;
const JOIN = 5_000;
const ASK_AGAIN = 1_000;
/** Between two looks at a job's row while nothing is told, and while it is. */
const POLL = 2_000;
const POLL_BESIDE = 15_000;

/** What was last asked for. */
interface Wish {
  characterData: CharacterData;
  customPrompt: string | undefined;
}

/** From asking to the end. */
class Run {
  jobId: string | undefined;
  /** Told before it was known which job is ours. */
  early: AvatarProgress[] = [];
  isAsked = false;
  isCancelling = false;
  /** Whether the server has rows of jobs. */
  hasRows = true;
  seq = -Infinity;
  /** Why nothing will be told. */
  deaf: string | undefined;
  readonly ending = new AbortController();
  leave = () => {};
  get isOver() {
    return this.ending.signal.aborted;
  }
}

export class AvatarGeneration {
  #options: AvatarOptions;
  #state = IDLE;
  #listeners = new Set<() => void>();
  #run: Run | undefined;
  #wish: Wish | undefined;

  constructor(options: AvatarOptions) {
    this.#options = options;
  }

  /** The same object until something changes. */
  get state(): AvatarState {
    return this.#state;
  }

  /** Calls `listener` after each change, until what is answered is called. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  };

  /** Callbacks and connection of a page that was rendered anew. Whose avatar it is stays. */
  update(options: AvatarOptions): void {
    const { userId, kinksterId } = this.#options;
    this.#options = { ...options, userId, kinksterId };
  }

  /** Takes up a job that runs already. Answers how to leave: the job itself goes on. */
  start(): () => void {
    const starting = new AbortController();
    if (this.#options.resume !== false && !this.#run) void this.#resume(starting.signal);
    return () => {
      starting.abort();
      this.#leave();
    };
  }

  /** Asks for an avatar; resolves once the job is taken on, or refused. While one is made, another is not begun. */
  generate = async (characterData: CharacterData, customPrompt?: string): Promise<void> => {
    if (this.#run) return;
    this.#wish = { characterData, customPrompt };
    const run = this.#begin({ ...IDLE, isGenerating: true });
    try {
      await this.#listen(run);
      if (run.isOver) return;
      run.isAsked = true;
      const { job_id: jobId } = await this.#ask(this.#wish);
      if (run.isOver) return;
      if (typeof jobId === 'string') this.#adopt(run, jobId);
      else this.#goWithoutRows(run);
      void this.#watch(run);
    } catch (fault) {
      this.#fail(run, fault instanceof AvatarError ? fault : new AvatarError(String(fault)));
    }
  };

  /** The same character once more, with another prompt if one is given. */
  regenerate = async (customPrompt?: string): Promise<void> => {
    if (this.#run) return;
    if (this.#wish) return this.generate(this.#wish.characterData, customPrompt ?? this.#wish.customPrompt);
    const fault = new AvatarError('There is nothing to regenerate yet');
    this.#set({ ...this.#state, error: fault.message, fault });
    this.#options.onError?.(fault.message);
  };

  /** Asks the server to end the job. Answers whether it did: a picture that is stored already comes nevertheless. */
  cancel = async (): Promise<boolean> => {
    const run = this.#run;
    if (!run) return false;
    run.isCancelling = true;
    if (!run.isAsked) {
      this.#end(run, IDLE);
      return true;
    }
    if (!run.jobId) await this.#known(run);
    if (run.isOver) return this.#state.storageUrl === null;
    if (!run.jobId) return false;
    try {
      await call(this.#options, { method: 'POST', path: `/api/avatars/jobs/${run.jobId}/cancel` });
    } catch {
      run.isCancelling = false;
      await this.#look(run);
      return false;
    }
    this.#end(run, IDLE);
    return true;
  };

  /** Waits until it is known which job is ours. */
  #known(run: Run): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        if (!run.jobId && !run.isOver && run.hasRows) return;
        leave();
        resolve();
      };
      const leave = this.subscribe(settle);
      settle();
    });
  }

  #set(state: AvatarState): void {
    this.#state = state;
    [...this.#listeners].forEach((listener) => listener());
  }

  #begin(state: AvatarState): Run {
    const run = new Run();
    this.#run = run;
    this.#set(state);
    void pause(this.#options.timeout ?? TIMEOUT, run.ending.signal).then(() => this.#expire(run));
    return run;
  }

  #adopt(run: Run, jobId: string): void {
    run.jobId = jobId;
    this.#set({ ...this.#state, jobId });
    run.early.splice(0).forEach((progress) => this.#take(run, progress));
  }

  #goWithoutRows(run: Run): void {
    run.hasRows = false;
    // Whoever waits for the row looks again.
    this.#set({ ...this.#state });
  }

  async #ask({ characterData, customPrompt }: Wish): Promise<Record<string, unknown>> {
    const { userId, kinksterId } = this.#options;
    const body = {
      user_id: userId,
      ...(kinksterId ? { kinkster_id: kinksterId } : {}),
      character_data: characterData,
      ...(customPrompt ? { custom_prompt: customPrompt } : {}),
    };
    const key = nonce();
    try {
      return await ask(this.#options, body, key);
    } catch (fault) {
      // Lost on its way, perhaps only the answer: the key sees to it that one picture is painted. Servers other than
      // tintype, which an app may reach through supabase-js, know no such keys.
      if (this.#options.supabase || !(fault instanceof AvatarError) || fault.status !== undefined) throw fault;
      await pause(ASK_AGAIN, new AbortController().signal);
      return ask(this.#options, body, key);
    }
  }

  /** Begins to listen; resolves when progress is told, or cannot be, or after a while. */
  #listen(run: Run): Promise<void> {
    const { supabase, kinksterId, userId } = this.#options;
    return new Promise((joined) => {
      void pause(JOIN, run.ending.signal).then(joined);
      const ears: Ears = {
        heard: (payload) => this.#heard(run, payload),
        connected: (yes) => {
          if (run.isOver) return;
          if (yes !== this.#state.isConnected) this.#set({ ...this.#state, isConnected: yes });
          if (yes) joined();
        },
        failed: (message) => {
          run.deaf = message;
          joined();
        },
      };
      if (supabase) {
        const topic = kinksterId ? `kinkster:${kinksterId}:avatar` : `user:${userId}:avatar`;
        run.leave = listenByChannel({ ...this.#options, supabase }, topic, ears);
      } else if (hasToken(this.#options)) run.leave = listenByStream(this.#options, kinksterId, ears);
      else joined();
    });
  }

  #heard(run: Run, payload: unknown): void {
    const progress = progressOf(payload);
    if (!progress || run.isOver) return;
    if (run.jobId) this.#take(run, progress);
    // The last state of an earlier job comes with the join, before ours is asked for.
    else if (run.isAsked && !progress.job_id) this.#take(run, progress);
    else run.early.push(progress);
  }

  /** Takes what is told of our job, unless newer is known. */
  #take(run: Run, progress: AvatarProgress): void {
    if (run.isOver || (run.jobId && progress.job_id && !sameId(progress.job_id, run.jobId))) return;
    if (progress.seq !== undefined && progress.seq < run.seq) return;
    run.seq = progress.seq ?? run.seq;
    if (!isOver(progress)) this.#set({ ...this.#state, progress });
    else if (progress.status === 'completed') this.#complete(run, progress);
    else if (run.isCancelling) this.#end(run, IDLE);
    else this.#fail(run, new AvatarError(progress.error ?? 'Unknown error'), progress);
  }

  #complete(run: Run, progress: AvatarProgress): void {
    const url = progress.storage_url;
    if (!url) return this.#fail(run, new AvatarError('The avatar is nowhere to be found'), progress);
    this.#end(run, { ...this.#state, progress, storageUrl: url });
    this.#options.onComplete?.(url);
  }

  #fail(run: Run, fault: AvatarError, progress = this.#state.progress): void {
    if (run.isOver) return;
    if (run.isCancelling && !run.jobId) return this.#end(run, IDLE);
    this.#end(run, { ...this.#state, progress, error: fault.message, fault });
    this.#options.onError?.(fault.message);
  }

  #end(run: Run, state: AvatarState): void {
    if (run.isOver) return;
    run.ending.abort();
    run.leave();
    if (this.#run === run) this.#run = undefined;
    this.#set({ ...state, isGenerating: false, isConnected: false });
  }

  /** The page goes; nobody is told. */
  #leave(): void {
    const run = this.#run;
    if (run) this.#end(run, this.#state);
  }

  async #expire(run: Run): Promise<void> {
    if (run.isOver) return;
    await this.#look(run);
    this.#fail(run, new AvatarError('The avatar did not come in time'));
  }

  /** Looks at the job's row now and then: what is told can be lost. */
  async #watch(run: Run): Promise<void> {
    for (let since = 0; !run.isOver; since += POLL) {
      await pause(POLL, run.ending.signal);
      if (run.isOver) return;
      if (this.#state.isConnected && since % POLL_BESIDE >= POLL) continue;
      await this.#look(run);
      if (run.deaf && !run.hasRows) this.#fail(run, new AvatarError(run.deaf));
    }
  }

  async #look(run: Run): Promise<void> {
    if (!run.jobId || !run.hasRows || run.isOver) return;
    try {
      const row = await call(this.#options, { method: 'GET', path: `/api/avatars/jobs/${run.jobId}`, signal: run.ending.signal });
      const progress = progressOf(row);
      if (progress) this.#take(run, progress);
    } catch (fault) {
      // Anything else may pass by itself.
      if (fault instanceof AvatarError && (fault.status === 404 || fault.status === 405)) this.#goWithoutRows(run);
    }
  }

  /** The newest job of this avatar, if it runs. */
  async #resume(starting: AbortSignal): Promise<void> {
    const { userId, kinksterId } = this.#options;
    const query = kinksterId ? `kinkster_id=${encodeURIComponent(kinksterId)}&limit=1` : 'limit=20';
    try {
      if (hasToken(this.#options) && !await tokenOf(this.#options)) return;
      const { jobs } = await call(this.#options, { method: 'GET', path: `/api/avatars/jobs?${query}`, signal: starting });
      const rows = (Array.isArray(jobs) ? jobs : []) as Record<string, unknown>[];
      const row = rows.find((row) => sameId(row['kinkster_id'], kinksterId) && sameId(row['user_id'], userId));
      const progress = progressOf(row);
      if (!progress?.job_id || isOver(progress) || starting.aborted || this.#run) return;
      const run = this.#begin({ ...IDLE, isGenerating: true });
      run.isAsked = true;
      this.#adopt(run, progress.job_id);
      this.#take(run, progress);
      await this.#listen(run);
      void this.#watch(run);
      // It may have ended between the row and the join.
      await this.#look(run);
    } catch { /* nothing is known of jobs here, or nobody is signed in */ }
  }
}

/** `crypto.randomUUID` is for https and localhost alone. */
function nonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
