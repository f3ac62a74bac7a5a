// The documentation's examples of realtime, run as they are written.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Inbox } from './support/channels.js';
import { anon, serve, service, user } from './support/server.js';

const here = import.meta.dirname;
const pages = ['realtime', 'avatars'].map((name) => readFileSync(join(here, `../../../deploy/docs/${name}.md`), 'utf8'));
const blocks = pages.join('\n').split('```js\n').slice(1).map((rest) => rest.split('\n```')[0]);
const example = (name) => blocks.find((block) => block.startsWith(`// ${name}.js\n`));

let server;
let folder;

before(async () => {
  server = await serve();
  // Inside, so that the packages are found.
  folder = mkdtempSync(join(here, 'node_modules/.readme-'));
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.stop();
});

async function announce(status) {
  const answer = await fetch(`${server.url}/realtime/v1/api/broadcast/user:ann:avatar/events/avatar_generation_progress?private=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ status }),
  });
  assert.equal(answer.status, 202);
}

/** Runs an example as this user; `listen` is given the lines that it prints. */
async function run(name, id, listen) {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, example(name).replaceAll('http://127.0.0.1:8787', server.url));
  const child = spawn(process.execPath, ['--import', join(here, 'support/browser.js'), file], {
    env: { ...process.env, ANON_KEY: anon(), USER_TOKEN: user(id), USER_ID: id },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = new Inbox();
    child.stdout.setEncoding('utf8').on('data', (text) => text.split('\n').filter(Boolean).forEach((line) => lines.put(line)));
    await listen(lines);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}

for (const name of ['progress', 'events']) {
  test(`${name}.js prints what it hears`, async () => {
    await announce('generating');
    await run(name, 'ann', async (lines) => {
      assert.equal(await lines.next('the last state'), 'generating');
      await announce('uploading');
      assert.equal(await lines.next('the next state'), 'uploading');
    });
  });
}

test('avatar.js prints every state of an avatar and where it is', () => run('avatar', randomUUID(), async (lines) => {
  const told = [];
  while (!told.at(-1)?.startsWith('completed')) told.push(await lines.next('a state'));
  const states = told.map((line) => line.split(' ')[0]).filter((state, at, all) => state !== all[at - 1]);
  assert.deepEqual(states, ['generating', 'downloading', 'uploading', 'completed']);
  assert.equal((await fetch(told.at(-1).split(' ')[1])).status, 200);
}));
