// The server that the clients talk to: the real binary on a free port, with a data folder of its own.
//
//   TINTYPE_BIN          the binary; deploy/test builds one and sets it
//   TINTYPE_TEST_ENV     more variables for the server as a JSON object: another catalogue, another place for bytes.
//                        {"TINTYPE_STORAGE__URL": "s3://bucket/prefix", …}
//   TINTYPE_TEST_BEHIND  variables of a second server as a JSON object; it is started first, and `{behind}` in
//                        TINTYPE_TEST_ENV becomes its URL. `{}` is a second embedded default.
//
// Every suite takes names of its own for buckets and users, so a catalogue may outlive a run and be shared.

import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { makeFolder, removeFolder, startServer } from '../../next/browser/support/processes.js';
import { PUBLISHABLE_KEY, SECRET, SECRET_KEY } from './tokens.js';

const LISTENING = /listening on (http:\/\/[^\s/]+)/;

const SETTINGS = {
  // Answers are compared byte by byte.
  TINTYPE_RENDER__REFINE: 'false',
  TINTYPE_JWT_SECRET: SECRET,
  TINTYPE_AUTH__PUBLISHABLE_KEYS: PUBLISHABLE_KEY,
  TINTYPE_AUTH__SECRET_KEYS: SECRET_KEY,
};

async function startOne(environment) {
  const binary = process.env.TINTYPE_BIN;
  if (!binary) throw new Error('TINTYPE_BIN names no tintype binary. deploy/test builds one and sets it.');
  const folder = makeFolder();
  const server = await startServer(
    resolve(binary),
    ['serve', '--listen', '127.0.0.1:0', '--data', join(folder, 'data')],
    { listening: LISTENING, folder, environment: { ...SETTINGS, ...environment } },
  );
  const stop = async () => {
    const ending = await server.stop();
    removeFolder(folder);
    assert.equal(ending, 0, `tintype drains at SIGTERM and ends with 0:\n${server.log()}`);
  };
  return { url: server.url, log: server.log, stop };
}

/** Starts tintype as the variables above say. Answers {url, log(), stop()}. */
export async function startTintype(environment = {}) {
  const { TINTYPE_TEST_ENV: given = '{}', TINTYPE_TEST_BEHIND: givenBehind } = process.env;
  const behind = givenBehind ? await startOne({ ...JSON.parse(givenBehind), ...environment }) : undefined;
  const variables = JSON.parse(behind ? given.replaceAll('{behind}', behind.url) : given);
  const front = await startOne({ ...variables, ...environment });
  const stop = async () => {
    await front.stop();
    await behind?.stop();
  };
  return { ...front, stop };
}
