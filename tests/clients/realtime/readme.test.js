// The README's examples of realtime, run as they are written.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Inbox } from './support/channels.js';
import { anon, serve, service, user } from './support/server.js';

const here = import.meta.dirname;
const readme = readFileSync(join(here, '../../../README.md'), 'utf8');
const blocks = readme.split('```js\n').slice(1).map((rest) => rest.split('\n```')[0]);
const examples = ['progress', 'events'].map((name) => [name, blocks.find((block) => block.startsWith(`// ${name}.js\n`))]);

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

for (const [name, source] of examples) {
  test(`${name}.js prints what it hears`, async () => {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, source.replaceAll('http://127.0.0.1:8787', server.url));
    await announce('generating');
    const child = spawn(process.execPath, ['--import', join(here, 'support/browser.js'), file], {
      env: { ...process.env, ANON_KEY: anon(), USER_TOKEN: user('ann') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const lines = new Inbox();
      child.stdout.setEncoding('utf8').on('data', (text) => text.split('\n').filter(Boolean).forEach((line) => lines.put(line)));
      assert.equal(await lines.next('the last state'), 'generating');
      await announce('uploading');
      assert.equal(await lines.next('the next state'), 'uploading');
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
}
