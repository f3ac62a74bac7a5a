// The management page in front of a Supabase, for which another tintype stands: what is kept there is seen and changed here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { clipboard, keepScreenshot, launchChromium } from './support/chromium.js';
import { eventually } from './support/patience.js';
import { KEY, VARIABLES, drop, goTo, makeBucket, newUser, option, pictured, press, put, serious, signIn, unexpected, visit } from './support/studio.js';
import { startTintypeWith } from './support/tintype.js';

const photo = (name) => readFileSync(join(resolve(import.meta.dirname, '../../../fixtures/photos'), name));
const notices = (page) => page.locator('#notices');
const preview = (page) => page.locator('dialog.preview');

describe('the studio in front of an upstream', () => {
  let browser;
  let upstream;
  let front;

  before(async () => {
    browser = await launchChromium();
    upstream = await startTintypeWith(VARIABLES, 'serve');
    await makeBucket(upstream.url, 'photos');
    for (const name of ['coffee-cup.png', 'eileen-collins.png']) await put(upstream.url, 'photos', name, photo(name), 'image/png');
    front = await startTintypeWith({ ...VARIABLES, TINTYPE_UPSTREAM__URL: upstream.url }, 'serve');
  });
  after(async () => {
    await front?.stop();
    await upstream?.stop();
    await browser?.close();
  });

  async function enter(hash, secret) {
    const visited = await visit(browser, front.url, { permissions: ['clipboard-read', 'clipboard-write'] });
    await signIn(visited.page, secret);
    await goTo(visited.page, hash);
    return visited;
  }
  const at = (server, key) => fetch(`${server.url}/storage/v1/object/public/photos/${key}`);

  test('a service key lists the upstream’s buckets, sees a picture, and copies addresses that open it here', async () => {
    const { page, problems, close } = await enter('#/objects/photos', KEY);
    await option(page, 'coffee-cup.png').waitFor();
    await pictured(page);
    assert.equal(await option(page, 'coffee-cup.png').locator('.loaded').count(), 1);
    await option(page, 'coffee-cup.png').click();
    await preview(page).locator('.stage img').evaluate((image) => image.decode());
    const shown = preview(page).getByLabel('Address', { exact: true });
    for (const dialect of ['native', 'supabase', 'next', 'original']) {
      await preview(page).getByLabel('Dialect').selectOption(dialect);
      await press(preview(page), 'Copy the address');
      const copied = await shown.inputValue();
      await eventually(async () => assert.equal(await clipboard(page), copied));
      assert.ok(copied.startsWith(front.url), copied);
      const answer = await page.request.get(copied, { headers: { accept: 'image/webp,*/*' } });
      assert.equal(answer.status(), 200, copied);
      assert.match(answer.headers()['content-type'], /^image\//);
    }
    await press(preview(page), 'Make a link');
    const link = preview(page).getByLabel('Signed link', { exact: true });
    await link.waitFor();
    assert.ok((await link.inputValue()).startsWith(front.url));
    assert.equal((await fetch(await link.inputValue())).status, 200);
    assert.deepEqual(await serious(page), []);
    await keepScreenshot(page, 'studio-upstream');
    assert.deepEqual(unexpected(problems, [/admin\/objects\/.*: 404/]), []);
    await close();
  });

  test('what is dropped is stored there, and a deletion is held until it cannot be taken back any more', async () => {
    const { page, problems, close } = await enter('#/objects/photos', KEY);
    await option(page, 'coffee-cup.png').waitFor();
    await drop(page, [{ name: 'new.png', type: 'image/png', bytes: photo('coffee-cup.png') }]);
    await page.locator('.upload[data-state=done]').waitFor();
    assert.equal((await at(upstream, 'new.png')).status, 200);
    const remove = async () => {
      await option(page, 'new.png').locator('.tick-box').click();
      await press(page.getByRole('toolbar', { name: 'Chosen objects' }), 'Delete');
      await option(page, 'new.png').waitFor({ state: 'detached' });
      await notices(page).getByText('Deleting new.png').waitFor();
    };
    await option(page, 'new.png').waitFor();
    await remove();
    assert.equal((await at(upstream, 'new.png')).status, 200, 'nothing was sent yet');
    await press(notices(page), 'Undo');
    await option(page, 'new.png').waitFor();
    await remove();
    await notices(page).getByText('Deleting').waitFor({ state: 'detached' });
    await eventually(async () => {
      for (const server of [upstream, front]) assert.ok(!(await at(server, 'new.png')).ok);
    });
    // It is gone there, so the log here offers nothing.
    await goTo(page, '#/audit');
    const log = page.getByLabel('Audit log');
    assert.doesNotMatch(await log.locator('.hint').textContent(), /here one by one/);
    assert.equal(await log.getByRole('button', { name: 'Restore' }).count(), 0);
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('a user sees their own folder of a private bucket, by the upstream’s permission', async () => {
    const user = newUser();
    await put(upstream.url, 'task-proofs', `${user.id}/proof.png`, photo('eileen-collins.png'), 'image/png');
    await put(upstream.url, 'task-proofs', 'somebody/else.png', photo('coffee-cup.png'), 'image/png');
    const { page, problems, close } = await enter(`#/objects/task-proofs/${user.id}`, user.token());
    await option(page, 'proof.png').waitFor();
    await pictured(page);
    assert.equal(await option(page, 'proof.png').locator('.loaded').count(), 1);
    await goTo(page, '#/objects/task-proofs');
    await option(page, user.id).waitFor();
    assert.equal(await page.locator('[role=option]').count(), 1, 'nobody else’s');
    assert.deepEqual(unexpected(problems), []);
    await close();
  });
});
