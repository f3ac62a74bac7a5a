import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { makeFolder, removeFolder, startServer } from './processes.js';

const repository = resolve(import.meta.dirname, '../../../..');
const LISTENING = /listening on (http:\/\/[^\s/]+)/;

/** Starts the real binary on an empty data folder: `serve`, `demo`, and their further arguments. */
export const startTintype = (command, ...args) => startTintypeWith({}, command, ...args);

/** The same with these variables. */
export async function startTintypeWith(environment, command, ...args) {
  const binary = process.env.TINTYPE_BIN;
  if (!binary) throw new Error('TINTYPE_BIN names no tintype binary. deploy/test builds one and sets it.');
  const folder = makeFolder();
  const listen = process.env.TINTYPE_LISTEN ?? '127.0.0.1:0';
  const server = await startServer(
    resolve(binary),
    [command, '--listen', listen, '--data', join(folder, 'data'), ...args],
    // What a page shows is not replaced by a smaller file while it is looked at.
    { listening: LISTENING, folder, environment: { TINTYPE_RENDER__REFINE: 'false', ...environment } },
  );
  return {
    ...server,
    stop: async () => {
      const ending = await server.stop();
      removeFolder(folder);
      assert.equal(ending, 0, `tintype drains at SIGTERM and ends with 0:\n${server.log()}`);
    },
  };
}

/** `serve` in front of the photographs among the fixtures, as bucket `photos`. */
export const servePhotos = (...args) =>
  startTintype('serve', '--bucket', `photos=${join(repository, 'fixtures/photos')}`, ...args);
