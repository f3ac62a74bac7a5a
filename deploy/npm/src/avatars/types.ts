// What apps tell and are told of avatars.

export type AvatarStatus = 'generating' | 'downloading' | 'uploading' | 'completed' | 'error';

/** What is told of a job, as it comes. */
export interface AvatarProgress {
  status: AvatarStatus;
  message: string;
  /** ISO 8601 with milliseconds, UTC. */
  timestamp: string;
  storage_url?: string;
  storage_path?: string;
  error?: string;
  job_id?: string;
  /** Rises with every state of a job. */
  seq?: number;
  /** 0 to 1. */
  progress?: number;
  kinkster_id?: string;
}

/** Whom to paint. */
export interface CharacterData {
  name: string;
  [more: string]: unknown;
}

/** Why there is no avatar. */
export class AvatarError extends Error {
  override readonly name = 'AvatarError';
  constructor(
    message: string,
    /** HTTP status of a refusal, if it was one. */
    readonly status?: number,
    /** What the server adds, such as which quota it was. */
    readonly details?: unknown,
    /** Seconds after which asking again makes sense. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The part of supabase-js that is used here. */
export interface SupabaseLike {
  channel(topic: string, options?: { config: Record<string, unknown> }): ChannelLike;
  removeChannel(channel: never): Promise<unknown>;
  functions: {
    invoke(name: string, options: { body: Record<string, unknown>; headers?: Record<string, string> }): Promise<{ data: unknown; error: unknown }>;
  };
  realtime: { setAuth(token?: string | null): Promise<void> };
}

interface ChannelLike {
  on(type: 'broadcast', filter: { event: string }, heard: (message: { payload?: unknown }) => void): unknown;
  subscribe(told: (state: string, error?: Error) => void): unknown;
}

/** How tintype is reached. */
export interface AvatarConnection {
  /** Where tintype answers. Default: that of `supabase`, else of the environment, else the page's own origin. */
  base?: string | undefined;
  /** The app's client: then its channel tells of the progress, and its session is the caller. */
  supabase?: SupabaseLike | undefined;
  /**
   * The caller's token, asked for anew whenever one is sent. Without it, and without `supabase`, the app's session cookie counts:
   * the page must then come from a `public_url` or an allowed origin of tintype, and progress is asked for instead of told.
   */
  accessToken?: (() => string | null | undefined | Promise<string | null | undefined>) | undefined;
  /** The public key, for gateways that want one. */
  apikey?: string | undefined;
}

export interface AvatarOptions extends AvatarConnection {
  userId: string;
  /** Whose avatar it is. Without it a preview: the topic is then the user's. */
  kinksterId?: string | undefined;
  onComplete?: ((storageUrl: string) => void) | undefined;
  onError?: ((error: string) => void) | undefined;
  /** Milliseconds from asking to the end; default 300,000. */
  timeout?: number | undefined;
  /** Whether a job that runs already is taken up at the start, as after a page was closed. Default: yes. */
  resume?: boolean | undefined;
}

/** What a page shows. */
export interface AvatarState {
  /** The last that was told of the current job; null before the first. */
  progress: AvatarProgress | null;
  isGenerating: boolean;
  /** Why the last job has no avatar, in words. */
  error: string | null;
  /** The same with what else is known: a refusal's status, details, and the seconds to wait. */
  fault: AvatarError | null;
  jobId: string | null;
  storageUrl: string | null;
  /** Whether progress is being told; when it is lost, it is asked for until it comes again. */
  isConnected: boolean;
}
