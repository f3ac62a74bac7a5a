// What the hook and the app's session do when things take long, break off, or end: in a real browser, by both ways that
// progress comes.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { painted, refused, startProvider } from '../next/browser/support/provider.js';
import { eventually } from '../next/browser/support/patience.js';
import { startTintypeWith } from '../next/browser/support/tintype.js';
import { startWire } from '../next/browser/support/wire.js';
import { addCharacter, finished, fixture, inspect, press, reach, secret, startApp, visit, whatWentWrong } from './support.js';

const WAYS = { 'a channel of supabase-js': 'a channel', 'Server-Sent Events': 'events' };
/** Milliseconds. */
const LONG = 60_000;
const MINUTES_OF_HOOK = '05:10';
/** As the app's route handler has them. */
const SESSION_MINUTES = 15;

/** Seconds. */
const HOUR = 3600;

const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** A token with these claims. */
function signToken(claims, key) {
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ ...claims, exp: Math.floor(Date.now() / 1000) + HOUR })}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

/** A token for Ann by a secret that is not the server's. */
const strangersToken = () => signToken({ role: 'authenticated', sub: '7a1f6c1e-0d5b-4a53-9c57-1f0a7c1d5a01' }, 'another secret that nobody here believes');

export function suiteOfHooks(given) {
  let browser;
  let provider;
  let tintype;
  let wire;
  let app;
  const open = new Set();

  before(async () => {
    let ports;
    ({ browser, ports } = given());
    provider = await startProvider();
    tintype = await startTintypeWith({
      ...provider.variables,
      TINTYPE_JWT_SECRET: secret(),
      TINTYPE_PUBLIC_URL: `http://127.0.0.1:${ports[0]}`,
      TINTYPE_AVATARS__PER_USER_PER_MINUTE: '1000',
      TINTYPE_AVATARS__PER_USER_PER_DAY: '1000',
      TINTYPE_AVATARS__RUNNING_PER_USER: '20',
      TINTYPE_AVATARS__WORKERS: '20',
    }, 'serve');
    wire = await startWire(tintype.url, ports[0]);
    app = await startApp(ports[1]);
  });
  afterEach(async () => {
    wire?.mend();
    provider?.release();
    await Promise.all([...open].map((close) => close()));
    open.clear();
  });
  after(async () => {
    await app?.stop();
    await wire?.stop();
    // Before the server, which waits for what it is being painted.
    await provider?.stop();
    await tintype?.stop();
  });

  /** A page of Ann's with somebody new. */
  async function begin(name, { way, ...options } = {}) {
    const visited = await visit(browser, app.url, { user: 'Ann', ...options });
    open.add(visited.close);
    if (way) await visited.page.getByLabel(way).check();
    await addCharacter(visited.page, name);
    return visited;
  }

  /** Waits until the newest job has come to its end, as the server itself says. */
  const isMade = () => eventually(async () => {
    const headers = { authorization: `Bearer ${signToken({ role: 'service_role' }, secret())}` };
    const { jobs: [newest] } = await (await fetch(`${tintype.url}/api/avatars/jobs?limit=1`, { headers })).json();
    assert.equal(newest.status, 'completed');
  });
  const painting = (page) => page.getByText(/being painted/).waitFor();
  const isLost = (page) => page.getByText(/The connection is lost/);

  for (const [way, short] of Object.entries(WAYS)) {
    test(`by ${short}: a connection lost in the middle is shown, healed, and the picture is there`, async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      provider.hold();
      const { page } = await begin(`Lost by ${short}`, { way });
      // Only what is told again to who comes back can bring the end: the job's row is out of reach.
      await page.route('**/api/avatars/jobs/*', (route) => route.abort());
      await press(page, 'Generate');
      await painting(page);
      await inspect(page, `generating-by-${short.replace(' ', '-')}`);
      wire.cut();
      await isLost(page).waitFor();
      await inspect(page, `lost-by-${short.replace(' ', '-')}`);
      // The picture is made while nobody hears of it.
      provider.release();
      await isMade();
      wire.mend();
      await page.getByText('Connected again.').waitFor();
      await finished(page);
    });

    test(`by ${short}: a page that was closed takes its job up, and asks for nothing twice`, async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      provider.hold();
      const { page, problems } = await begin(`Closed by ${short}`, { way });
      const asked = provider.asked.length;
      await press(page, 'Generate');
      await painting(page);
      // It is said first, and asked then.
      await eventually(() => assert.equal(provider.asked.length, asked + 1));
      await page.reload();
      await page.getByRole('button', { name: `Closed by ${short}` }).click();
      await reach(page, 'generating');
      provider.release();
      await finished(page);
      assert.equal(provider.asked.length, asked + 1);
      assert.deepEqual(whatWentWrong(problems), []);
    });

    test(`by ${short}: a job is cancelled, and another takes its place`, async () => {
      Object.assign(provider, { delay: LONG, answer: painted() });
      const { page, problems } = await begin(`Cancelled by ${short}`, { way });
      await press(page, 'Generate');
      await painting(page);
      await press(page, 'Cancel');
      await reach(page, 'empty');
      provider.delay = 0;
      await press(page, 'Generate');
      await finished(page);
      assert.deepEqual(whatWentWrong(problems), []);
    });

    test(`by ${short}: the same character is painted once more, with other words`, async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      const { page, problems } = await begin(`Again by ${short}`, { way });
      await page.getByLabel('Clothing').fill('red coat');
      await press(page, 'Generate');
      const first = await finished(page);
      await page.getByLabel('In your own words').fill('at dusk');
      await press(page, 'Another like it');
      await finished(page, first);
      const [before, now] = provider.asked.slice(-2).map(({ prompt }) => prompt);
      assert.ok(before.includes('red coat') && !before.includes('at dusk'), before);
      assert.ok(now.includes('red coat') && now.includes('at dusk'), now);
      assert.deepEqual(whatWentWrong(problems), []);
    });

    test(`by ${short}: what does not come in time is given up in words`, async () => {
      Object.assign(provider, { delay: LONG, answer: painted() });
      const { page } = await begin(`Late by ${short}`, { way });
      await page.clock.install();
      await press(page, 'Generate');
      await painting(page);
      await page.clock.fastForward(MINUTES_OF_HOOK);
      await page.getByText('The avatar did not come in time.').waitFor();
      await page.getByRole('button', { name: 'Generate' }).waitFor();
    });
  }

  test('a refusal of the model is told in words, and trying again works', async () => {
    Object.assign(provider, { delay: 0, answer: refused(400, 'moderation_blocked', 'secret words of the provider') });
    const { page, problems } = await begin('Refused');
    await press(page, 'Generate');
    await reach(page, 'error');
    const text = await page.locator('.plate .fault').textContent();
    assert.match(text, /^[A-Z][a-z ,;'’]{12,}.*\.$/);
    assert.ok(!text.includes('secret words'));
    await inspect(page, 'refused');
    provider.answer = painted();
    await press(page, 'Generate');
    await finished(page);
    assert.deepEqual(whatWentWrong(problems), []);
  });

  test('a list that could not be loaded is loaded when the connection is back', async () => {
    wire.cut();
    const { page, close } = await visit(browser, app.url, { user: 'Ann' });
    open.add(close);
    await isLost(page).waitFor();
    wire.mend();
    await page.getByLabel('New character').waitFor();
  });

  async function signInAgain(page, name) {
    await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
    await inspect(page, name);
    await page.getByRole('dialog').getByRole('button', { name: 'Sign in as Ann' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  test('a token that ends asks to sign in again, and what was begun continues', async () => {
    Object.assign(provider, { delay: 0, answer: painted() });
    const { page, problems } = await begin('Interrupted');
    await page.clock.install();
    await page.getByLabel('Clothing').fill('red coat');
    await page.clock.fastForward(`${SESSION_MINUTES + 1}:00`);
    await press(page, 'Generate');
    await signInAgain(page, 'sign-in-again');
    await finished(page);
    assert.equal(await page.getByLabel('Clothing').inputValue(), 'red coat');
    assert.deepEqual(whatWentWrong(problems), []);
  });

  test('a token that ends while a picture is painted does not lose it', async () => {
    Object.assign(provider, { delay: 0, answer: painted() });
    provider.hold();
    const { page } = await begin('Ended meanwhile', { way: 'Server-Sent Events' });
    await page.clock.install();
    await press(page, 'Generate');
    await painting(page);
    // Later by the clock, without any timer's being up. A stream that is opened again wants a token.
    await page.clock.setSystemTime(Date.now() + (SESSION_MINUTES + 1) * 60_000);
    wire.cut();
    wire.mend();
    await signInAgain(page, 'sign-in-again-meanwhile');
    provider.release();
    await finished(page);
  });

  test('a token that the server refuses before its end asks to sign in again, too', async () => {
    const { page, close } = await visit(browser, app.url);
    open.add(close);
    const json = { token: strangersToken(), expires_in: SESSION_MINUTES * 60 };
    await page.route('**/api/session', (route) => route.fulfill({ json }), { times: 1 });
    await press(page, 'Sign in as Ann');
    await signInAgain(page, 'sign-in-refused');
    await addCharacter(page, 'After all');
    const proofs = page.getByRole('region', { name: 'Proofs' });
    await page.getByLabel('Add a proof').setInputFiles(fixture('photos/avatar-reader.png'));
    await proofs.getByRole('button', { name: 'Upload' }).click();
    await page.getByRole('button', { name: 'View avatar-reader.png' }).waitFor();
  });
}
