// The whole walk: sign in, describe somebody, generate, see it at three sizes, replace it, delete it, a proof and its link.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { holdBack } from '../next/browser/support/chromium.js';
import { eventually } from '../next/browser/support/patience.js';
import { addCharacter, finished, fixture, forgetStates, hasFault, inspect, portrait, press, reach, states, visit, whatWentWrong } from './support.js';

const STATES = ['asking', 'generating', 'downloading', 'uploading', 'completed'];
const OBJECT = /\/storage\/v1\/render\/image\/public\/kinkster-avatars\/[0-9a-f-]{36}\/kinksters\/avatar_\d+_[0-9a-f-]{36}\.(png|webp|jpg)\?width=\d+&quality=75$/;

async function describeSomebody(page, name) {
  await press(page, 'Add');
  const field = page.getByLabel('New character');
  await hasFault(field, 'Give your character a name.');
  assert.ok(await field.evaluate((input) => input === document.activeElement));
  await addCharacter(page, name);

  const traits = page.getByLabel('Traits');
  await page.getByLabel('Name', { exact: true }).fill(' ');
  await traits.fill('bold, patient, curious, tall');
  await press(page, 'Generate');
  await hasFault(traits, 'At most 3 traits count; these are 4.');
  await hasFault(page.getByLabel('Name', { exact: true }), 'Give your character a name.');
  assert.deepEqual(await states(page), ['empty'], 'nothing was sent');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await traits.fill('bold, patient, curious');
  await eventually(async () => assert.equal(await page.locator('.sheet [aria-invalid=true]').count(), 0));
  await page.getByLabel('Archetype').fill('Captain of an airship');
  await page.getByLabel('Appearance').fill('silver hair, green eyes');
  await page.getByLabel('Clothing').fill('red coat, brass goggles');
  await page.getByLabel('Place').fill('above the clouds');
}

async function generate(page) {
  // The hook looks at the job's row, too, which may be ahead of what is told.
  const release = await holdBack(page, '**/api/avatars/jobs/*');
  await press(page, 'Generate');
  await page.waitForFunction(() => document.querySelector('.frame').getBoundingClientRect().top < innerHeight);
  const url = await finished(page);
  assert.deepEqual((await states(page)).filter((state) => state !== 'empty'), STATES);
  release();
  assert.match(url, OBJECT);
  return url;
}

/** The picture at three sizes, each as wide as the display wants it. */
async function seeSizes(page, density) {
  for (const side of [144, 72, 36]) {
    const image = page.locator(`.sizes img[width="${side}"]`);
    await image.evaluate((image) => image.decode());
    const { url, pixels } = await image.evaluate(async ({ currentSrc }) => {
      const plain = new Image();
      plain.src = currentSrc;
      await plain.decode();
      return { url: currentSrc, pixels: plain.naturalWidth };
    });
    assert.match(url, OBJECT);
    // The next step of the ladder.
    const expected = { 1: { 144: 256, 72: 96, 36: 48 }, 2: { 144: 384, 72: 256, 36: 96 } }[density][side];
    assert.equal(Number(new URL(url).searchParams.get('width')), expected);
    assert.equal(pixels, expected);
  }
}

async function replace(page, before) {
  await press(page, 'Another like it');
  const another = await finished(page, before);

  const field = page.getByLabel('Replace it by a picture of your own');
  await press(page, 'Replace');
  await hasFault(field, 'Choose a picture first.');
  await field.setInputFiles({ name: 'letter.png', mimeType: 'image/png', buffer: Buffer.from('Dear Ann,') });
  await page.getByText('Only PNG, JPEG and WebP pictures; this is none of them.').waitFor();
  await field.setInputFiles({ name: 'large.png', mimeType: 'image/png', buffer: Buffer.alloc(5.5 * 1024 * 1024) });
  await page.getByText('At most 5 MB; this file has 5.5 MB.').waitFor();
  await field.setInputFiles(fixture('photos/avatar-owl.png'));
  await press(page, 'Replace');
  const own = await finished(page, another);
  assert.match(own, OBJECT);
  return own;
}

async function remove(page, name, url) {
  await press(page, 'Delete the portrait');
  await page.getByRole('dialog').waitFor();
  await inspect(page, `${name}-4-delete`);
  await press(page, 'Keep it');
  assert.ok(await portrait(page).isVisible());
  await press(page, 'Delete the portrait');
  await press(page, 'Delete');
  await reach(page, 'empty');
  assert.equal(await page.locator('.sizes').count(), 0);
  const answer = await page.request.get(url, { maxRedirects: 0 });
  assert.notEqual(answer.status(), 200, 'what is deleted is gone at every size');
}

async function proof(page, name) {
  const field = page.getByLabel('Add a proof');
  await field.setInputFiles({ name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0) });
  await page.getByText('This file is empty.').waitFor();
  const file = `cup-${name}.png`;
  await field.setInputFiles({ name: file, mimeType: 'image/png', buffer: readFileSync(fixture('photos/coffee-cup.png')) });
  const proofs = page.getByRole('region', { name: 'Proofs' });
  await proofs.getByRole('button', { name: 'Upload' }).click();
  await press(page, `View ${file}`);
  const image = page.locator('dialog img.proof');
  await image.evaluate((image) => image.decode());
  const shown = await image.getAttribute('src');
  const original = await page.getByRole('link', { name: 'Open the original' }).getAttribute('href');
  for (const [url, route] of [[shown, 'render/image'], [original, 'object']]) {
    assert.match(url, new RegExp(`/storage/v1/${route}/sign/task-proofs/[0-9a-f-]{36}/\\d+_${file}\\?token=`));
    assert.equal((await page.request.get(url)).status(), 200);
    for (const other of [url.replace('/sign/', '/public/'), url.slice(0, -3), url.split('?')[0]]) {
      assert.notEqual((await page.request.get(other)).status(), 200, `private: ${other}`);
    }
  }
  await inspect(page, `${name}-5-proof`);
  await press(page, 'Close');
  await press(page, `Delete ${file}`);
  await press(page, 'Delete');
  await page.getByRole('button', { name: `View ${file}` }).waitFor({ state: 'detached' });
}

/** All of it, in one window. */
export async function walk(browser, url, { name, options, user }) {
  const { page, problems, close } = await visit(browser, url, options);
  await page.getByRole('button', { name: 'Sign in as Ann' }).waitFor();
  await inspect(page, `${name}-1-sign-in`);
  await press(page, `Sign in as ${user}`);
  await describeSomebody(page, `Rook ${name}`);
  await inspect(page, `${name}-2-described`, { fullPage: true });
  const first = await generate(page);
  await seeSizes(page, options.deviceScaleFactor ?? 1);
  await inspect(page, `${name}-3-completed`, { fullPage: true });
  await forgetStates(page);
  await remove(page, name, await replace(page, first));
  await proof(page, name);
  await press(page, 'Sign out');
  await page.getByRole('button', { name: 'Sign in as Ben' }).waitFor();
  assert.deepEqual(whatWentWrong(problems), []);
  await close();
}

/** One user's things are not the other's, and only the app's own page signs anybody in. */
export async function checkOthers(browser, url) {
  const { page, problems, close } = await visit(browser, url, { user: 'Ann' });
  const name = '<img src=x onerror=alert(1)>';
  await addCharacter(page, name);
  assert.equal(await page.locator('[onerror]').count(), 0);
  await press(page, 'Sign out');
  await press(page, 'Sign in as Ben');
  await page.getByLabel('New character').waitFor();
  assert.equal(await page.getByText(name).count(), 0);
  assert.deepEqual(whatWentWrong(problems), []);
  await close();

  const ask = (headers, user = 'ann') => fetch(`${url}/api/session`, { method: 'POST', headers, body: JSON.stringify({ user }) });
  for (const headers of [{}, { origin: 'https://other.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site', origin: url }]) {
    const answer = await ask(headers);
    assert.equal(answer.status, 403, JSON.stringify(headers));
    assert.equal((await answer.json()).token, undefined);
  }
  assert.equal((await ask({ origin: url }, 'nobody')).status, 400);
  const answer = await ask({ origin: url });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
}
