// What others say of jobs, read before it is believed.

import type { AvatarProgress, AvatarStatus } from './types.js';

const STATUSES: readonly string[] = ['generating', 'downloading', 'uploading', 'completed', 'error'] satisfies AvatarStatus[];

/** A payload or a job's row as progress; `undefined` for anything else. */
export function progressOf(said: unknown): AvatarProgress | undefined {
  const { status, message, timestamp, storage_url, storage_path, error, job_id, seq, progress, kinkster_id } = Object(said) as Record<string, unknown>;
  if (typeof status !== 'string' || !STATUSES.includes(status)) return undefined;
  const words = { storage_url, storage_path, job_id, kinkster_id };
  return {
    status: status as AvatarStatus,
    message: typeof message === 'string' ? message : '',
    timestamp: typeof timestamp === 'string' ? timestamp : new Date().toISOString(),
    ...Object.fromEntries(Object.entries(words).filter(([, value]) => typeof value === 'string')),
    ...(typeof seq === 'number' ? { seq } : {}),
    ...(typeof progress === 'number' ? { progress: Math.min(1, Math.max(0, progress)) } : {}),
    ...(status === 'error' ? { error: textOf(error) } : {}),
  };
}

/** Older servers said objects where a text was meant. */
function textOf(error: unknown): string {
  if (typeof error === 'string' && error) return error;
  const { message } = Object(error) as { message?: unknown };
  return typeof message === 'string' && message ? message : 'Unknown error';
}

export const isOver = ({ status }: AvatarProgress) => status === 'completed' || status === 'error';

/** Ids are UUIDs, whose letters may be of either case. */
export const sameId = (one: unknown, other: unknown) => String(one ?? '').toLowerCase() === String(other ?? '').toLowerCase();
