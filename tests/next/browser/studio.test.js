// The management page, as the service and as a user see it, against the real binary.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { clipboard, keepScreenshot, launchChromium } from './support/chromium.js';
import { PATIENCE, eventually } from './support/patience.js';
import { makeFolder, removeFolder } from './support/processes.js';
import { painted, startProvider } from './support/provider.js';
import {
  KEY, VARIABLES, drop, goTo, makeBucket, newUser, objectKey, option, pictured, press, put, seed, serious, signIn, token, unexpected, visit,
} from './support/studio.js';
import { startTintypeWith } from './support/tintype.js';
import { startWire } from './support/wire.js';

const PHOTOS = resolve(import.meta.dirname, '../../../fixtures/photos');
const photo = (name) => readFileSync(join(PHOTOS, name));
const MANY = process.env.TINTYPE_FULL ? 100_000 : 5000;
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
/** Seconds. */
const HOUR = 3600;
const MARKUP = '<img src=x onerror=alert(1)>.txt';

const status = (page) => page.locator('.status-line').first();
const preview = (page) => page.locator('dialog.preview');
const notices = (page) => page.locator('#notices');

describe('the studio', () => {
  let browser;
  let provider;
  let tintype;

  before(async () => {
    [browser, provider] = await Promise.all([launchChromium(), startProvider()]);
    tintype = await startTintypeWith({ ...provider.variables, ...VARIABLES }, 'serve');
    await makeBucket(tintype.url, 'many');
    await makeBucket(tintype.url, 'photos');
    await makeBucket(tintype.url, 'strict', { allowed_mime_types: ['image/*'], file_size_limit: 2_000_000 });
    for (const name of ['chelsea-the-cat.png', 'coffee-cup.png', 'eileen-collins.png', 'lake-at-dusk.webp', 'pink-lily-leek.jpg']) {
      await put(tintype.url, 'photos', name, photo(name), `image/${name.split('.').at(-1).replace('jpg', 'jpeg')}`);
      await put(tintype.url, 'photos', `summer/${name}`, photo(name), `image/${name.split('.').at(-1).replace('jpg', 'jpeg')}`);
    }
    await put(tintype.url, 'task-proofs', 'folder/proof.png', photo('coffee-cup.png'), 'image/png');
    await seed(tintype.url, 'many', MANY);
  });
  after(async () => {
    await tintype?.stop();
    await provider?.stop();
    await browser?.close();
  });

  /** Opens a view as the service, or as whoever has this secret. */
  async function enter(hash, { secret = KEY, url = tintype.url, ...options } = {}) {
    const visited = await visit(browser, url, { permissions: ['clipboard-read', 'clipboard-write'], ...options });
    await signIn(visited.page, secret);
    await goTo(visited.page, hash);
    return visited;
  }

  test('nothing of it can be framed, inlined or fetched from elsewhere', async () => {
    const answer = await fetch(`${tintype.url}/studio`);
    const policy = answer.headers.get('content-security-policy');
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.includes(part), part);
    }
    assert.equal(answer.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.equal((await fetch(`${tintype.url}/assets/studio/none.js`)).status, 404);
    assert.equal((await fetch(`${tintype.url}/assets/studio/..%2fgallery.css`)).status, 404);
  });

  test('what is wrong with a key is said beside the field, and the key is kept nowhere', async () => {
    const { page, problems, close } = await visit(browser, tintype.url);
    const fault = page.locator('#key-fault');
    for (const [pasted, words] of [['', /Paste a key/], ['nonsense', /neither a key/], ['a.b.c', /middle part/], [token({ role: 'service_role' }, -60), /ended at/]]) {
      await page.getByLabel('Key or token').fill(pasted);
      await press(page, 'Sign in');
      assert.match(await fault.textContent(), words);
      assert.equal(await page.getByLabel('Key or token').getAttribute('aria-invalid'), 'true');
    }
    await page.getByLabel('Key or token').fill('sb_secret_somebody-elses-key-0123456789abcdef');
    await press(page, 'Sign in');
    await page.waitForFunction(() => /does not accept/.test(document.getElementById('key-fault').textContent));
    await signIn(page, KEY);
    const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie, location.href, document.documentElement.outerHTML].join());
    assert.ok(kept.startsWith('0,0,,') && !kept.includes(KEY));
    assert.equal(await page.getByLabel('Key or token').inputValue(), '');
    assert.deepEqual(unexpected(problems, [/bucket\?limit=1: 40/]), []);
    await close();
  });

  test(`${MANY} objects are browsed smoothly, and one of them is found`, async () => {
    const { page, problems, close } = await enter('#/objects/many');
    await option(page, objectKey(0)).waitFor();
    await page.getByLabel('View', { exact: true }).selectOption('list');
    const port = page.locator('.port');
    await port.focus();
    // The end is reached by going there as often as there is more.
    await page.waitForFunction((last) => {
      const element = document.querySelector('.port');
      element.scrollTop = element.scrollHeight;
      return [...document.querySelectorAll('[role=option] .name')].some((name) => name.textContent === last);
    }, objectKey(MANY - 1), { polling: 60, timeout: PATIENCE * Math.ceil(MANY / 20_000) });
    assert.equal(await status(page).textContent(), `${MANY.toLocaleString('en')} objects`);
    const drawn = await page.evaluate(async () => {
      const element = document.querySelector('.port');
      let most = 0;
      for (let at = 0; at < element.scrollHeight; at += element.scrollHeight / 60) {
        element.scrollTop = at;
        await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
        const options = [...document.querySelectorAll('[role=option]')];
        const { top, bottom } = element.getBoundingClientRect();
        const seen = options.filter((row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom);
        if (seen.length < 5) return 'holes';
        most = Math.max(most, options.length);
      }
      return most;
    });
    assert.ok(drawn < 60, `${drawn} rows in the page`);
    const ending = String(MANY - 3).slice(-3);
    await page.getByLabel('Search', { exact: true }).fill(`${ending}.txt`);
    await page.waitForFunction(() => / found$/.test(document.querySelector('.status-line').textContent));
    assert.equal(await page.locator('[role=option]').first().locator('.name').textContent(), objectKey(Number(ending)));
    await page.getByLabel('Search', { exact: true }).fill('no such words');
    await page.getByText('Nothing here is what you look for.').waitFor();
    await page.getByLabel('Search', { exact: true }).fill('');
    await page.getByLabel('Sort').selectOption('size asc');
    await page.waitForFunction((last) => document.querySelector('[role=option] .name')?.textContent === last, objectKey(0));
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('dropped files are checked, sent and shown, and what is wrong is said beside them', async () => {
    const { page, problems, close } = await enter('#/objects/strict');
    await page.getByText('Nothing is here yet').waitFor();
    await drop(page, [
      { name: 'cat.png', type: 'image/png', bytes: photo('chelsea-the-cat.png') },
      { name: 'notes.txt', type: 'text/plain', bytes: 'notes' },
      { name: 'large.png', type: 'image/png', bytes: Buffer.alloc(2_000_001) },
    ]);
    const upload = (name) => page.locator('.upload', { hasText: name });
    await upload('cat.png').getByText('Stored').waitFor();
    assert.match(await upload('notes.txt').textContent(), /text\/plain cannot be kept here: only image\/\*/);
    assert.match(await upload('large.png').textContent(), /takes 2 MB at most/);
    await option(page, 'cat.png').waitFor();
    await drop(page, [{ name: 'cat.png', type: 'image/png', bytes: photo('coffee-cup.png') }]);
    await upload('cat.png').getByText('is there already').waitFor();
    await keepScreenshot(page, 'studio-uploads');
    await press(page, 'Replace it: cat.png');
    await page.waitForFunction(() => document.getElementById('uploads-count').textContent.startsWith('2 of'));
    const size = (await fetch(`${tintype.url}/storage/v1/object/public/strict/cat.png`)).headers.get('content-length');
    assert.equal(Number(size), photo('coffee-cup.png').length);
    await press(page, 'Clear finished');
    await page.locator('#uploads').waitFor({ state: 'hidden' });
    assert.deepEqual(unexpected(problems, [/upload\/resumable: 40/]), []);
    await close();
  });

  test('a folder is dropped or chosen, and its files keep the folders that they lie in', async () => {
    const folder = makeFolder();
    for (const path of ['trip/one.png', 'trip/deep/er/two.png', 'trip/.DS_Store']) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), photo('coffee-cup.png'));
    }
    mkdirSync(join(folder, 'many'));
    for (let number = 0; number < 130; number += 1) writeFileSync(join(folder, 'many', `${number}.txt`), `${number}`);
    const { page, problems, close } = await enter('#/objects/photos/dropped');
    await page.getByText('Nothing is here yet').waitFor();
    const { x, y } = await page.locator('.objects').boundingBox();
    const session = await page.context().newCDPSession(page);
    const data = { items: [], files: [join(folder, 'trip'), join(folder, 'many')], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, x: x + 100, y: y + 100, data });
    await page.waitForFunction(() => document.getElementById('uploads-count')?.textContent.startsWith('132 of 132 stored'));
    assert.equal(await page.locator('.upload').count(), 60);
    assert.equal(await page.getByLabel('Progress of all files').evaluate((bar) => bar.value), 1);
    await keepScreenshot(page, 'studio-folder');
    const size = (key) => fetch(`${tintype.url}/storage/v1/object/public/photos/dropped/${key}`).then((answer) => (answer.ok ? Number(answer.headers.get('content-length')) : answer.status));
    assert.equal(await size('trip/deep/er/two.png'), photo('coffee-cup.png').length);
    assert.equal(await size('many/129.txt'), 3);
    assert.equal(await size('trip/.DS_Store'), 400);
    await option(page, 'trip').waitFor();
    await press(page, 'Clear finished');
    await page.locator('#uploads').waitFor({ state: 'hidden' });
    const choosing = page.waitForEvent('filechooser');
    await press(page, 'Upload folder');
    await (await choosing).setFiles(join(folder, 'trip', 'deep'));
    await page.locator('.upload[data-state=done]').waitFor();
    assert.equal(await size('deep/er/two.png'), photo('coffee-cup.png').length);
    assert.deepEqual(unexpected(problems), []);
    await close();
    removeFolder(folder);
  });

  test('an upload is paused, resumed, and goes on over a lost connection', async () => {
    const wire = await startWire(tintype.url);
    const { page, close } = await enter('#/objects/photos', { url: wire.url });
    await option(page, 'coffee-cup.png').waitFor();
    const bytes = Buffer.alloc(20_000_000, 7);
    const session = await page.context().newCDPSession(page);
    const speed = (bytesPerSecond) => session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond });
    await session.send('Network.enable');
    // Twenty seconds long: it is to be under way still when it is cut off.
    await speed(1_000_000);
    await drop(page, [{ name: 'large.bin', type: 'application/octet-stream', bytes }]);
    await page.waitForFunction(() => document.querySelector('.upload progress')?.value > 0.1);
    await press(page, 'Pause: large.bin');
    await page.locator('.upload[data-state=paused]').waitFor();
    await press(page, 'Resume: large.bin');
    await page.locator('.upload[data-state=sending]').waitFor();
    wire.cut();
    await page.locator('#offline').waitFor();
    wire.mend();
    await page.locator('#offline').waitFor({ state: 'hidden' });
    await speed(-1);
    await page.locator('.upload[data-state=done]').waitFor();
    const stored = await fetch(`${tintype.url}/storage/v1/object/public/photos/large.bin`);
    assert.ok(Buffer.from(await stored.arrayBuffer()).equals(bytes));
    await close();
    await wire.stop();
  });

  test('a picture is shown with its variants, its addresses open it, and a signed link does', async () => {
    const { page, problems, close } = await enter('#/objects/photos');
    await option(page, 'coffee-cup.png').click();
    const panel = preview(page);
    await panel.locator('.stage img').evaluate((image) => image.decode());
    for (let time = 0; time < 3; time += 1) await page.request.get(`${tintype.url}/image/photos/coffee-cup.png?w=128&f=webp`);
    await press(panel, 'Close the preview');
    await option(page, 'coffee-cup.png').click();
    const variant = panel.locator('tbody tr', { hasText: /128/ });
    await variant.waitFor();
    assert.deepEqual(await variant.locator('td').allTextContents().then((cells) => [cells[0], cells[2]]), ['WebP', '2']);
    assert.match(await variant.textContent(), /kB/);
    await pictured(page);
    await keepScreenshot(page, 'studio-preview');
    const shown = panel.getByLabel('Address', { exact: true });
    for (const dialect of ['native', 'supabase', 'next', 'original']) {
      await panel.getByLabel('Dialect').selectOption(dialect);
      await press(panel, 'Copy the address');
      const copied = await shown.inputValue();
      await eventually(async () => assert.equal(await clipboard(page), copied));
      const answer = await page.request.get(copied, { headers: { accept: 'image/webp,*/*' } });
      assert.equal(answer.status(), 200, copied);
      assert.match(answer.headers()['content-type'], /^image\//);
    }
    await panel.getByLabel('Dialect').selectOption('image');
    assert.match(await shown.inputValue(), /<Image\n {2}src=\{"\/photos\/coffee-cup\.png"\}\n {2}alt=\{"coffee cup"\}\n {2}width=\{640\}\n {2}height=\{427\}/);
    const life = panel.getByLabel('Opens for');
    await life.fill('0');
    await press(panel, 'Make a link');
    assert.match(await panel.locator('.lifetime .wrong').textContent(), /whole number/);
    await life.fill('2');
    await press(panel, 'Make a link');
    const link = panel.getByLabel('Signed link', { exact: true });
    await link.waitFor();
    assert.equal((await fetch(await link.inputValue())).status, 200);
    await press(panel, 'Purge');
    await panel.getByText('Nothing was made of it yet.').waitFor();
    await press(panel, 'Warm');
    const dialog = page.locator('dialog.small');
    await dialog.getByLabel('Widths').fill('64, wide');
    await press(dialog, 'Warm');
    assert.match(await dialog.locator('.wrong').first().textContent(), /Whole numbers/);
    await dialog.getByLabel('Widths').fill('64, 96');
    await press(dialog, 'Warm');
    await notices(page).getByText('2 made').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.variants tbody tr').length === 2);
    await panel.locator('input[type=file]').setInputFiles({ name: 'other.png', mimeType: 'image/png', buffer: photo('eileen-collins.png') });
    await page.locator('.upload[data-state=done]').waitFor();
    const replaced = await fetch(`${tintype.url}/storage/v1/object/public/photos/coffee-cup.png`);
    assert.equal(Number(replaced.headers.get('content-length')), photo('eileen-collins.png').length);
    assert.deepEqual(unexpected(problems, [/admin\/objects\/.*: 404/]), []);
    await close();
  });

  test('objects are filtered by type, size and day', async () => {
    const { page, problems, close } = await enter('#/objects/photos');
    await option(page, 'coffee-cup.png').waitFor();
    await page.getByText('Filters', { exact: true }).click();
    const names = () => page.locator('[role=option] .name').allTextContents();
    const shows = (expected) => page.waitForFunction((list) => [...document.querySelectorAll('[role=option] .name')].map((name) => name.textContent).join() === list, expected.join());
    await page.getByLabel('Type', { exact: true }).selectOption('image/webp');
    await shows(['lake-at-dusk.webp']);
    await page.getByLabel('Size', { exact: true }).selectOption('10000000-');
    await page.getByText('Nothing here is what you look for.').waitFor();
    await page.getByLabel('Type', { exact: true }).selectOption('');
    await page.getByLabel('Size', { exact: true }).selectOption('0-100000');
    await page.waitForFunction(() => !/cup/.test(document.querySelector('.port').textContent));
    await page.getByLabel('Size', { exact: true }).selectOption('');
    await page.getByLabel('Changed from').fill('2001-01-02');
    await page.getByLabel('Changed until').fill('2001-01-01');
    assert.match(await page.locator('#since-wrong').textContent(), /after the last one/);
    await page.getByLabel('Changed until').fill('2001-01-03');
    await page.getByText('Nothing here is what you look for.').waitFor();
    await page.getByLabel('Changed until').fill('');
    await option(page, 'coffee-cup.png').waitFor();
    assert.ok((await names()).length >= 5);
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('a bucket is made, changed and deleted by the service', async () => {
    const { page, problems, close } = await enter('#/objects/photos');
    await press(page, 'New bucket');
    const dialog = page.locator('dialog.small');
    await dialog.getByLabel('Name').fill('prints');
    await dialog.getByLabel('Largest file').fill('lots');
    await dialog.getByLabel('Types').fill('png');
    await press(dialog, 'Make it');
    assert.match(await dialog.textContent(), /A number and B, kB, MB or GB\..*Types look like/);
    await dialog.getByLabel('Largest file').fill('5 MB');
    await dialog.getByLabel('Types').fill('image/png, image/webp');
    await press(dialog, 'Make it');
    await page.getByRole('heading', { name: 'prints' }).waitFor();
    await press(page, 'Settings');
    assert.equal(await dialog.getByLabel('Largest file').inputValue(), '5 MB');
    await dialog.getByLabel('Everyone may read').check();
    await press(dialog, 'Save');
    await page.locator('.badge', { hasText: 'public' }).waitFor();
    await press(page, 'Delete bucket');
    await press(dialog, 'Delete');
    await page.locator('#places').getByRole('link', { name: 'prints' }).waitFor({ state: 'detached' });
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('an object is renamed, deleted, brought back, and deleted for good', async () => {
    await put(tintype.url, 'photos', 'old name.txt', 'text');
    const { page, problems, close } = await enter('#/objects/photos');
    await option(page, 'old name.txt').click();
    await press(preview(page), 'Rename');
    const dialog = page.locator('dialog.small');
    const name = dialog.getByLabel('Name', { exact: true });
    for (const [given, words] of [['', /needed/], ['/a', /slash/], ['a/../b', /no names/], ['coffee-cup.png', /has this name/]]) {
      await name.fill(given);
      await press(dialog, 'Rename');
      await page.waitForFunction((pattern) => new RegExp(pattern).test(document.querySelector('dialog.small .wrong').textContent), words.source);
    }
    await name.fill('moved/new name.txt');
    await press(dialog, 'Rename');
    await option(page, 'moved').waitFor();
    await option(page, 'old name.txt').waitFor({ state: 'detached' });
    await goTo(page, '#/objects/photos/moved');
    const there = () => fetch(`${tintype.url}/storage/v1/object/public/photos/moved/new%20name.txt`).then((answer) => answer.ok);
    await option(page, 'new name.txt').locator('.tick-box').click();
    await press(page.getByRole('toolbar', { name: 'Chosen objects' }), 'Delete');
    await option(page, 'new name.txt').waitFor({ state: 'detached' });
    await notices(page).getByText('Deleted new name.txt').waitFor();
    assert.ok(!(await there()));
    await keepScreenshot(page, 'studio-undo');
    await press(notices(page), 'Undo');
    await option(page, 'new name.txt').waitFor();
    assert.ok(await there());
    // By the keyboard, and brought back from the log.
    await page.locator('.port').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Delete');
    await option(page, 'new name.txt').waitFor({ state: 'detached' });
    await notices(page).getByText('Deleted new name.txt').waitFor();
    await goTo(page, '#/audit');
    const line = page.locator('tr', { hasText: 'new name.txt' }).first();
    assert.match(await line.textContent(), /removed.*service.*deleted through the storage API/);
    await keepScreenshot(page, 'studio-audit');
    await press(line, 'Restore moved/new name.txt');
    await notices(page).getByText('is back.').waitFor();
    await page.waitForFunction(() => /restored/.test(document.querySelector('tbody tr').textContent));
    assert.equal(await page.getByRole('button', { name: 'Restore moved/new name.txt' }).count(), 0);
    assert.ok(await there());
    await goTo(page, '#/objects/photos/moved');
    await option(page, 'new name.txt').waitFor();
    // Something else has the name by the time. Notices of what was deleted before may still be there.
    await page.evaluate(() => document.querySelectorAll('#notices .told').forEach((told) => { told.dataset.old = ''; }));
    await page.locator('.port').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Delete');
    await option(page, 'new name.txt').waitFor({ state: 'detached' });
    const deleted = notices(page).locator('.told:not([data-old])', { hasText: 'Deleted new name.txt' });
    await deleted.waitFor();
    await put(tintype.url, 'photos', 'moved/new name.txt', 'newer');
    await press(deleted, 'Undo');
    await notices(page).getByText('stays deleted: something else has that name').waitFor();
    assert.deepEqual(unexpected(problems, [/object\/move: 40/]), []);
    await close();
  });

  test('the keyboard is enough', async () => {
    for (const name of ['inner/one.png', 'inner/two.png', 'three.png']) await put(tintype.url, 'photos', `keys/${name}`, photo('coffee-cup.png'), 'image/png');
    const { page, problems, close } = await enter('#/objects/photos/keys');
    await option(page, 'three.png').waitFor();
    await page.locator('.port').focus();
    await page.keyboard.press('End');
    const at = () => page.evaluate(() => document.getElementById(document.querySelector('.port').getAttribute('aria-activedescendant'))?.textContent);
    assert.ok(await at());
    await page.keyboard.press('Home');
    assert.match(await at(), /^Folder /);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.hash === '#/objects/photos/keys/inner');
    await option(page, 'one.png').waitFor();
    await page.locator('.port').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await page.keyboard.press('Shift+ArrowRight');
    await page.getByText('2 objects chosen').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.chosen').waitFor({ state: 'hidden' });
    await page.keyboard.press('Enter');
    await preview(page).waitFor();
    assert.ok(await page.evaluate(() => document.querySelector('dialog.preview').contains(document.activeElement)));
    await page.keyboard.press('Escape');
    await preview(page).waitFor({ state: 'detached' });
    assert.ok(await page.evaluate(() => document.activeElement.matches('.port')));
    await page.keyboard.press('F2');
    await page.locator('dialog.small').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog.small').waitFor({ state: 'detached' });
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('a user has what their token gives, and is told why the rest is not there', async () => {
    const user = newUser();
    const { page, problems, close } = await enter('#/proofs', { secret: user.token() });
    const places = page.getByRole('navigation', { name: 'Studio' });
    await places.getByText('for service keys').waitFor();
    assert.equal(await places.getByRole('link', { name: 'Audit log' }).count(), 0);
    await page.getByText('Nothing is here yet').waitFor();
    await drop(page, [{ name: 'proof.png', type: 'image/png', bytes: photo('coffee-cup.png') }]);
    await page.locator('.upload', { hasText: 'may not do this' }).waitFor();
    await page.getByRole('link', { name: 'My folder' }).click();
    await page.waitForFunction((id) => location.hash === `#/objects/task-proofs/${id}`, user.id);
    await page.locator('.crumbs [aria-current=page]', { hasText: user.id }).waitFor();
    await page.getByText('Nothing is here yet').waitFor();
    await drop(page, [{ name: 'proof.png', type: 'image/png', bytes: photo('coffee-cup.png') }]);
    await option(page, 'proof.png').waitFor();
    await pictured(page);
    assert.equal(await option(page, 'proof.png').locator('.loaded').count(), 1);
    await option(page, 'proof.png').click();
    await preview(page).getByText('only signed links open its objects').waitFor();
    await press(preview(page), 'Make a link');
    const link = preview(page).getByLabel('Signed link', { exact: true });
    await link.waitFor();
    assert.equal((await fetch(await link.inputValue())).status, 200);
    assert.equal(await preview(page).getByRole('button', { name: 'Purge' }).count(), 0);
    await keepScreenshot(page, 'studio-user');
    assert.deepEqual(unexpected(problems, [/upload\/resumable: 40/]), []);
    await close();
  });

  test('an avatar is painted again from its prompt with a word changed, and the job is seen live', async () => {
    Object.assign(provider, { delay: 0, answer: painted() });
    const user = newUser();
    const { page, problems, close } = await enter('#/avatars', { secret: user.token() });
    const paint = async (open, change) => {
      await open();
      const prompt = page.getByLabel('Prompt');
      await prompt.fill(change(await prompt.inputValue()));
      await press(page.locator('dialog.small'), 'Paint');
      await page.locator('dialog.small').waitFor({ state: 'detached' });
    };
    await press(page, 'Paint something new');
    await press(page.locator('dialog.small'), 'Paint');
    assert.match(await page.locator('dialog.small .wrong').first().textContent(), /Say what/);
    await press(page.locator('dialog.small'), 'Cancel');
    provider.hold();
    await paint(() => press(page, 'Paint something new'), () => 'A fox with a red scarf');
    await page.locator('.job[data-state=generating]').waitFor();
    provider.release();
    // The picture may be listed before its job, which has the prompt.
    const prompts = (expected) => eventually(async () => assert.deepEqual(await page.locator('.prompt-text').allTextContents(), expected));
    await prompts(['A fox with a red scarf']);
    await paint(() => page.getByRole('button', { name: /^Paint again/ }).click(), (text) => text.replace('red', 'blue'));
    await prompts(['A fox with a blue scarf', 'A fox with a red scarf']);
    assert.deepEqual(provider.asked.slice(-2).map(({ prompt }) => prompt), ['A fox with a red scarf', 'A fox with a blue scarf']);
    await pictured(page);
    await keepScreenshot(page, 'studio-avatars');
    Object.assign(provider, { delay: 60_000 });
    await paint(() => press(page, 'Paint something new'), () => 'A heron');
    await goTo(page, '#/jobs');
    await page.locator('.job[data-state=generating]').getByRole('button', { name: 'Cancel' }).click();
    await page.locator('.job[data-state=cancelled]').waitFor();
    provider.delay = 0;
    await page.locator('.job[data-state=cancelled]').getByRole('button', { name: 'Try again' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.job[data-state=completed]').length === 3);
    await pictured(page);
    await keepScreenshot(page, 'studio-jobs');
    await goTo(page, '#/usage');
    await page.locator('.chart rect[class^=band]').first().waitFor();
    assert.match(await page.locator('.sums').first().textContent(), /\$\d+\.\d\dcost[34]pictures/);
    await keepScreenshot(page, 'studio-usage');
    assert.deepEqual(unexpected(problems), []);
    await close();

    const service = await enter(`#/avatars/${user.id}`);
    await service.page.waitForFunction(() => document.querySelectorAll('.portrait').length === 3);
    // Everybody's jobs are told to the service as they go, and are not asked for again and again.
    await goTo(service.page, '#/jobs');
    await service.page.waitForFunction(() => document.querySelectorAll('.job').length >= 3);
    const asked = [];
    service.page.on('request', (request) => { if (request.url().includes('/api/avatars/jobs?')) asked.push(request.url()); });
    provider.delay = 60_000;
    const other = newUser();
    const begun = await fetch(`${tintype.url}/api/avatars/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${other.token()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ user_id: other.id, prompt: 'A badger' }),
    });
    const text = await begun.text();
    assert.ok(begun.ok, text);
    const badger = service.page.locator('.job', { hasText: `for ${other.id}` });
    await badger.and(service.page.locator('[data-state=generating]')).waitFor();
    // Somebody else ends it, and it is seen here.
    const ended = await fetch(`${tintype.url}/api/avatars/jobs/${JSON.parse(text).job_id}/cancel`, { method: 'POST', headers: { authorization: `Bearer ${other.token()}` } });
    assert.ok(ended.ok, await ended.text());
    await badger.and(service.page.locator('[data-state=cancelled]')).waitFor();
    assert.ok(asked.length <= 4, `${asked.length} questions`);
    provider.delay = 0;
    await goTo(service.page, `#/avatars/${user.id}`);
    await service.page.waitForFunction(() => document.querySelectorAll('.portrait').length === 3);
    await service.page.locator('.portrait').first().getByRole('button', { name: /^Delete/ }).click();
    await press(notices(service.page), 'Undo');
    await service.page.waitForFunction(() => document.querySelectorAll('.portrait').length === 3);
    assert.deepEqual(unexpected(service.problems), []);
    await service.close();
  });

  test('a token that ends asks to sign in again, and what was begun goes on', async () => {
    const user = newUser();
    const { page, problems, close } = await enter('#/objects/task-proofs', { secret: user.token(HOUR) });
    await page.getByText('Nothing is here yet').waitFor();
    // Over by the page's clock, however long it took to come here.
    await page.clock.setSystemTime(Date.now() + HOUR * 1000);
    await goTo(page, `#/objects/task-proofs/${user.id}`);
    const dialog = page.getByRole('dialog', { name: 'Sign in again' });
    await dialog.waitFor();
    await keepScreenshot(page, 'studio-sign-in-again');
    await dialog.getByLabel('Key or token').fill(user.token(2 * HOUR));
    await press(dialog, 'Sign in');
    await page.getByText('Nothing is here yet').waitFor();
    await drop(page, [{ name: 'later.png', type: 'image/png', bytes: photo('coffee-cup.png') }]);
    await option(page, 'later.png').waitFor();
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('a lost connection is shown, and what was asked comes when it is back', async () => {
    const wire = await startWire(tintype.url);
    const { page, close } = await enter('#/objects/photos', { url: wire.url });
    await option(page, 'coffee-cup.png').waitFor();
    wire.cut();
    await goTo(page, '#/objects/photos/summer');
    await page.locator('#offline').waitFor();
    wire.mend();
    await option(page, 'chelsea-the-cat.png').waitFor();
    assert.ok(await page.locator('#offline').isHidden());
    await close();
    await wire.stop();
  });

  test('a press is not lost on what is drawn or fetched anew', async () => {
    const { page, problems, close } = await enter('#/objects/photos');
    const picture = option(page, 'coffee-cup.png');
    await picture.hover();
    await page.evaluate(async () => {
      const { drawUnpressed } = await import('/assets/studio/dom.js');
      window.drawings = 0;
      window.drawAgain = () => drawUnpressed(document.querySelector('[role=listbox]'), () => { window.drawings += 1; });
    });
    await page.mouse.down();
    await page.evaluate(() => window.drawAgain());
    assert.equal(await page.evaluate(() => window.drawings), 0);
    await page.mouse.up();
    await page.waitForFunction(() => window.drawings === 1);
    await preview(page).waitFor();
    await page.keyboard.press('Escape');
    await preview(page).waitFor({ state: 'detached' });

    let release;
    const isReleased = new Promise((resolve) => { release = resolve; });
    await page.route('**/object/list-v2/**', async (route) => {
      await isReleased;
      await route.continue();
    });
    const asked = page.waitForRequest('**/object/list-v2/**');
    await page.getByLabel('Sort').selectOption('size asc');
    await asked;
    await picture.click();
    await preview(page).waitFor();
    const answered = page.waitForResponse('**/object/list-v2/**');
    release();
    await answered;
    assert.deepEqual(unexpected(problems), []);
    await close();
  });

  test('names that look like markup are names', async () => {
    await put(tintype.url, 'photos', `odd/${MARKUP}`, 'text');
    await put(tintype.url, 'photos', 'odd/"><script>alert(2)</script>/a.txt', 'text');
    const { page, problems, close } = await enter('#/objects/photos/odd');
    await option(page, MARKUP).click();
    assert.equal(await preview(page).locator('h2').textContent(), MARKUP);
    await press(preview(page), 'Delete');
    await notices(page).getByText(`Deleted ${MARKUP}`).waitFor();
    await press(notices(page), 'Undo');
    await option(page, MARKUP).waitFor();
    await page.locator('[role=option].folder').click();
    await option(page, 'script').first().waitFor();
    assert.equal(await page.locator('[onerror], main script').count(), 0);
    assert.deepEqual(unexpected(problems, [/admin\/objects\/.*: 404/]), []);
    await close();
  });

  for (const [name, options] of [
    ['desk-light', { colorScheme: 'light' }], ['desk-dark', { colorScheme: 'dark' }],
    ['phone-light', { ...PHONE, colorScheme: 'light' }], ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
  ]) {
    test(`axe finds nothing serious, nothing overflows: ${name}`, async () => {
      const { page, problems, close } = await visit(browser, tintype.url, options);
      const look = async (view) => {
        await pictured(page);
        await keepScreenshot(page, `studio-${name}-${view}`);
        assert.deepEqual(await serious(page), [], view);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${view} is wider than the window by ${over} px`);
      };
      await page.getByLabel('Key or token').waitFor();
      await look('door');
      await signIn(page, KEY);
      await goTo(page, '#/objects/photos');
      await option(page, 'coffee-cup.png').waitFor();
      await page.getByText('Filters', { exact: true }).click();
      await look('objects');
      await option(page, 'coffee-cup.png').click();
      await preview(page).locator('.stage img').evaluate((image) => image.decode());
      await preview(page).locator('.variants :is(table, p)').first().waitFor();
      await look('preview');
      await press(preview(page), 'Rename');
      await look('dialog');
      await page.keyboard.press('Escape');
      await press(preview(page), 'Close the preview');
      for (const [view, words] of [['avatars', 'Avatars'], ['jobs', 'Jobs'], ['usage', 'Usage'], ['audit', 'Audit log']]) {
        await goTo(page, `#/${view}`);
        await page.getByRole('heading', { name: words, level: 1 }).waitFor();
        await look(view);
      }
      assert.deepEqual(unexpected(problems, [/admin\/objects\/.*: 404/]), []);
      await close();
    });
  }

  test('without JavaScript it says what it needs', async () => {
    const { page, problems, close } = await visit(browser, tintype.url, { javaScriptEnabled: false });
    assert.ok(await page.locator('noscript').isVisible());
    assert.deepEqual(problems, []);
    await close();
  });
});
