// What the tests of the management page share: tokens, seeds, signing in, files that are dropped, axe.

import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { open } from './chromium.js';

export const KEY = 'sb_secret_studio-tests-0123456789abcdef';
const SECRET = 'secret of the studio tests: nobody else believes it';

export const VARIABLES = { TINTYPE_JWT_SECRET: SECRET, TINTYPE_AUTH__SECRET_KEYS: KEY, TINTYPE_STORAGE__UTF8_KEYS: 'true' };

/** A token with these claims that is good for `seconds`. */
export function token(claims, seconds = 3600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iat: now, exp: now + seconds, ...claims })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

export function newUser() {
  const id = randomUUID();
  return { id, token: (seconds) => token({ role: 'authenticated', aud: 'authenticated', sub: id }, seconds) };
}

const service = { authorization: `Bearer ${KEY}` };

export async function makeBucket(url, id, settings = {}) {
  const body = JSON.stringify({ id, name: id, public: true, ...settings });
  const answer = await fetch(`${url}/storage/v1/bucket`, { method: 'POST', headers: { ...service, 'content-type': 'application/json' }, body });
  assert.equal(answer.status, 200, await answer.text());
}

export async function put(url, bucket, key, body, type = 'text/plain') {
  const answer = await fetch(`${url}/storage/v1/object/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`, { method: 'POST', headers: { ...service, 'content-type': type }, body });
  assert.equal(answer.status, 200, await answer.text());
}

export const objectKey = (number) => `object-${String(number).padStart(6, '0')}.txt`;

/** Puts this many little objects into a bucket. */
export async function seed(url, bucket, count) {
  let next = 0;
  const worker = async () => {
    for (let number = next++; number < count; number = next++) await put(url, bucket, objectKey(number), `${number}`);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Opens the page. */
export const visit = (browser, url, options) => open(browser, `${url}/studio`, options);

export async function signIn(page, secret) {
  await page.getByLabel('Key or token').fill(secret);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('#desk').waitFor();
  await page.locator('#main > *').first().waitFor({ state: 'attached' });
}

/** Goes to a view, and waits until it is there in the place of the one before, which may look the same. */
export async function goTo(page, hash) {
  await page.evaluate((to) => {
    if (location.hash === to) return;
    document.querySelectorAll('#main > *').forEach((left) => { left.dataset.left = ''; });
    location.hash = to;
  }, hash);
  await page.locator('#main > :not([data-left])').first().waitFor({ state: 'attached' });
}

export const option = (page, name) => page.locator('[role=option]', { hasText: name });
export const press = (scope, name) => scope.getByRole('button', { name, exact: true }).click();

/** Drops files: {name, type, bytes}. */
export async function drop(page, files) {
  const given = files.map(({ name, type, bytes }) => ({ name, type, text: Buffer.from(bytes).toString('base64') }));
  const transfer = await page.evaluateHandle((list) => {
    const dropped = new DataTransfer();
    for (const { name, type, text } of list) {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      dropped.items.add(new File([bytes], name, { type }));
    }
    return dropped;
  }, given);
  const zone = page.locator('.objects');
  for (const event of ['dragenter', 'dragover', 'drop']) await zone.dispatchEvent(event, { dataTransfer: transfer });
}

/** Waits until every picture that is to be seen is there. */
export const pictured = (page) => page.waitForFunction(
  () => [...document.images].every((image) => !image.closest('.thumb') || image.closest('.thumb').classList.contains('loaded')),
);

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds that is serious, as texts. */
export async function serious(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** What the server is expected to refuse is asked all the same: what a key may do is the server's to say. */
const ASKED = [/\/admin\/cleanup\/runs\?limit=1: 403/, /\/api\/avatars\/events: 401/];

/** Problems beyond those. Chromium says of every refusal once more that it was one, without saying which. */
export function unexpected(problems, further = []) {
  const expected = [...ASKED, ...further];
  const isExpected = (problem) => expected.some((pattern) => pattern.test(problem));
  const refusals = problems.filter(isExpected).length;
  let echoes = 0;
  return problems.filter((problem) => {
    if (isExpected(problem) || /ERR_ABORTED/.test(problem)) return false;
    if (/^console error: Failed to load resource/.test(problem) && echoes < refusals) {
      echoes += 1;
      return false;
    }
    return true;
  });
}
