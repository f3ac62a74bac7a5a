// The page of `tintype demo` where a person describes somebody, presses Generate and watches the avatar come.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { holdBack, keepScreenshot, launchChromium, open } from './support/chromium.js';
import { eventually } from './support/patience.js';
import { painted, refused, startProvider } from './support/provider.js';
import { startTintype, startTintypeWith } from './support/tintype.js';
import { startWire } from './support/wire.js';

const SIZES = [640, 256, 64];
const STATES = ['empty', 'generating', 'downloading', 'uploading', 'completed'];
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Notes every state that the page shows, from before its own script runs. */
function noteStates() {
  window.states = [];
  document.addEventListener('DOMContentLoaded', () => {
    const plate = document.getElementById('plate');
    const note = (state) => { if (window.states.at(-1) !== state) window.states.push(state); };
    note(plate.dataset.state);
    new MutationObserver((changes) => {
      for (const { oldValue } of changes) note(oldValue);
      note(plate.dataset.state);
    }).observe(plate, { attributeFilter: ['data-state'], attributeOldValue: true });
  });
}

/** Opens the page as somebody new. */
async function visit(browser, tintype, options = {}) {
  const visited = await open(browser, 'about:blank', options);
  await visited.page.addInitScript(noteStates);
  await visited.page.goto(`${tintype.url}/demo/avatars`);
  await visited.page.waitForFunction(() => document.getElementById('prompt').textContent);
  return visited;
}

/** What leaving a page cuts off is no fault. */
const isNotCutOff = (problem) => !/ERR_ABORTED/.test(problem);

const states = (page) => page.evaluate(() => window.states);
const reach = (page, state) => page.locator(`#plate[data-state=${state}]`).waitFor();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

/** Bytes of the avatar's picture as shown at a width, once it is decoded; and the pixels that it has. */
async function shownAt(page, width) {
  await page.waitForFunction((id) => document.getElementById(id).currentSrc, `view-${width}`);
  const { url, pixels } = await page.locator(`#view-${width}`).evaluate(async (image) => {
    await image.decode();
    return { url: image.currentSrc, pixels: image.naturalWidth };
  });
  const answer = await page.request.get(url, { headers: { accept: 'image/webp' } });
  return { url, pixels, digest: createHash('sha256').update(await answer.body()).digest('hex') };
}

describe('the page for avatars', () => {
  let browser;

  before(async () => { browser = await launchChromium(); });
  after(() => browser?.close());

  describe('with the built-in painter', () => {
    let tintype;

    // However slow the machine: the end is told when the first views are there.
    before(async () => { tintype = await startTintypeWith({ TINTYPE_EVENTS__WARM_WAIT_MS: '60000' }, 'demo'); });
    after(() => tintype?.stop());

    test('from typing to the finished avatar at three sizes, and another description is another picture', async () => {
      const { page, problems, close } = await open(browser, tintype.url);
      await page.addInitScript(noteStates);
      // The page listens, and has asked what it missed, before anything is generated: all states are told it.
      const [jobs] = await Promise.all([
        page.waitForResponse((answer) => answer.url().includes('/api/avatars/jobs?')),
        page.getByRole('link', { name: 'Have an avatar painted' }).click(),
      ]);
      await jobs.finished();
      // A job's row may be ahead of what is told.
      const release = await holdBack(page, '**/api/avatars/jobs/*');
      assert.match(await page.locator('.pitch').textContent(), /built-in painter/);
      await page.getByLabel('Name', { exact: true }).fill('Ada');
      await page.getByLabel('Archetype').fill('Captain of an airship');
      await page.getByLabel('First trait').fill('bold, but patient');
      await page.getByLabel('Clothing').fill('red coat');
      await page.getByLabel('glasses').check({ force: true });
      await page.getByLabel('a place').check({ force: true });
      await page.getByLabel('Which place').fill('above the clouds');
      await page.getByLabel('In your own words').fill('smiling');
      await page.waitForFunction(() => /smiling/.test(document.getElementById('prompt').textContent));
      const prompt = await page.locator('#prompt').textContent();
      for (const words of ['Ada, Captain of an airship', 'bold, but patient', 'red coat', 'glasses', 'above the clouds']) {
        assert.ok(prompt.includes(words), `${words}: ${prompt}`);
      }
      await page.getByLabel('Name', { exact: true }).press('Enter');
      await reach(page, 'completed');
      assert.deepEqual(await states(page), STATES);
      release();
      const times = (await page.locator('#steps .at').allTextContents()).map(Number.parseFloat);
      assert.ok(times.every((time, step) => step === 0 || time >= times[step - 1]), `${times}`);
      assert.equal(await page.locator('#progress').evaluate((bar) => bar.value), 1);
      const first = [];
      for (const width of SIZES) {
        const view = await shownAt(page, width);
        assert.equal(view.pixels, width);
        assert.match(view.url, new RegExp(`/storage/v1/render/image/public/kinkster-avatars/.*[?]width=${width}&`));
        first.push(view);
      }
      // Made before the end was told.
      await page.waitForFunction(() => document.querySelectorAll('[id^=figures-] .state').length === 3);
      assert.deepEqual(await page.locator('[id^=figures-] .state').allTextContents(), ['hit', 'hit', 'hit']);
      await eventually(async () => assert.match(await page.locator('#detail').textContent(), /painter-1/));
      await keepScreenshot(page, 'avatars-completed', { fullPage: true });

      const address = await page.locator('#address').textContent();
      await press(page, 'Somebody else');
      await press(page, 'Generate');
      await page.waitForFunction((path) => document.querySelector('#plate[data-state=completed]')
        && document.getElementById('address').textContent !== path, address);
      const second = await shownAt(page, 256);
      assert.notEqual(second.digest, first[1].digest);
      await page.waitForFunction(() => document.querySelectorAll('#history img').length === 2);

      // The first one is still there, and its description too.
      await page.locator('#history button', { has: page.getByText('Ada', { exact: true }) }).click();
      assert.equal((await shownAt(page, 256)).url, first[1].url);
      await press(page, 'Use this description');
      assert.equal(await page.getByLabel('Clothing').inputValue(), 'red coat');
      assert.deepEqual(problems.filter(isNotCutOff), []);
      await close();
    });

    test('what is written before the script runs stays', async () => {
      const { page, problems, close } = await open(browser, 'about:blank');
      const release = await holdBack(page, '**/assets/avatars.js');
      await page.goto(`${tintype.url}/demo/avatars`, { waitUntil: 'commit' });
      await page.getByLabel('Name', { exact: true }).fill('Ada');
      await page.getByLabel('glasses').check({ force: true });
      release();
      await page.waitForFunction(() => /Ada/.test(document.getElementById('prompt').textContent));
      const prompt = await page.locator('#prompt').textContent();
      assert.match(prompt, /glasses/);
      assert.equal(await page.getByLabel('Archetype').inputValue(), '');
      assert.deepEqual(problems, []);
      await close();
    });

    test('on a phone in the dark it fits, and works by touch', async () => {
      const { page, problems, close } = await visit(browser, tintype, { ...PHONE, colorScheme: 'dark' });
      await keepScreenshot(page, 'avatars-phone-dark');
      await page.getByRole('button', { name: 'Generate' }).tap();
      await reach(page, 'completed');
      await shownAt(page, 640);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `wider than the window by ${overflow} px`);
      // It is scrolled to, which takes a moment.
      await page.waitForFunction(() => document.getElementById('plate').getBoundingClientRect().top < innerHeight);
      await keepScreenshot(page, 'avatars-phone-dark-completed', { fullPage: true });
      assert.deepEqual(problems, []);
      await close();
    });

    test('whatever is written is shown as text', async () => {
      const { page, problems, close } = await visit(browser, tintype);
      const name = '<img src=x onerror=alert(1)>{{version}}';
      await page.getByLabel('Name', { exact: true }).fill(name);
      await press(page, 'Generate');
      await reach(page, 'completed');
      // The end may be told before the request is answered, with whose sheet it is.
      for (const place of ['#sitter', '#history .who']) await eventually(async () => assert.equal(await page.locator(place).textContent(), name));
      await page.waitForFunction((text) => document.getElementById('prompt').textContent.includes(text), name);
      assert.equal(await page.locator('[onerror]').count(), 0);
      assert.deepEqual(problems, []);
      await close();
    });

    test('only its own page is signed in', async () => {
      const ask = (headers) => fetch(`${tintype.url}/demo/session`, { method: 'POST', headers });
      for (const headers of [{}, { origin: 'https://other.example' }, { origin: 'null' }]) {
        const answer = await ask(headers);
        assert.equal(answer.status, 403);
        assert.equal(answer.headers.get('access-control-allow-origin'), null);
        assert.equal((await answer.json()).token, undefined);
      }
      const answer = await ask({ origin: tintype.url });
      assert.match(answer.headers.get('set-cookie'), /^tintype-demo=[0-9a-f]{32}; Path=\/demo; .*HttpOnly; SameSite=Strict/);
      const { user_id: user, expires_in: lifetime } = await answer.json();
      assert.ok(lifetime <= 900);
      const [cookie] = answer.headers.get('set-cookie').split(';');
      assert.equal((await (await ask({ origin: tintype.url, cookie })).json()).user_id, user);
      assert.notEqual((await (await ask({ origin: tintype.url })).json()).user_id, user);
    });
  });

  describe('with a model that takes its time', () => {
    let provider;
    let tintype;

    before(async () => {
      provider = await startProvider();
      tintype = await startTintypeWith({ ...provider.variables, TINTYPE_AVATARS__PER_USER_PER_MINUTE: '3' }, 'demo');
    });
    afterEach(() => provider?.release());
    after(async () => {
      await tintype?.stop();
      await provider?.stop();
    });

    const painting = (page) => page.waitForFunction(() => document.getElementById('message').textContent.includes('being painted'));

    test('a reload in the middle of a job comes to the same end', async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      provider.hold();
      const { page, problems, close } = await visit(browser, tintype);
      assert.match(await page.locator('.pitch').textContent(), /gpt-image-2\b.*costs money/);
      const before = provider.asked.length;
      await press(page, 'Generate');
      await painting(page);
      // It is said first, and asked then.
      await eventually(() => assert.equal(provider.asked.length, before + 1));
      await keepScreenshot(page, 'avatars-generating');
      await page.reload();
      await reach(page, 'generating');
      provider.release();
      await reach(page, 'completed');
      assert.equal((await shownAt(page, 640)).pixels, 640);
      assert.equal(provider.asked.length, before + 1);
      assert.deepEqual(problems.filter(isNotCutOff), []);
      await close();
    });

    test('a lost connection is told, and found again with what was missed', async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      provider.hold();
      const wire = await startWire(tintype.url);
      const { page, close } = await visit(browser, wire);
      await press(page, 'Generate');
      await painting(page);
      wire.cut();
      await page.locator('#offline').waitFor();
      provider.release();
      wire.mend();
      await reach(page, 'completed');
      await page.locator('#offline').waitFor({ state: 'hidden' });
      await close();
      await wire.stop();
    });

    test('what is told meanwhile takes no focus away', async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      const { page, problems, close } = await visit(browser, tintype);
      await press(page, 'Generate');
      await page.waitForFunction(() => document.querySelectorAll('#history img').length === 1);
      provider.hold();
      await press(page, 'Generate');
      await painting(page);
      const older = page.locator('#history li').nth(1).getByRole('button');
      await older.focus();
      provider.release();
      await page.waitForFunction(() => document.querySelectorAll('#history img').length === 2);
      assert.ok(await older.evaluate((button) => button === document.activeElement));
      assert.deepEqual(problems, []);
      await close();
    });

    test('a cancelled job says so, and is taken up again', async () => {
      Object.assign(provider, { delay: 30_000, answer: painted() });
      const { page, problems, close } = await visit(browser, tintype);
      await press(page, 'Generate');
      await painting(page);
      await press(page, 'Cancel');
      await reach(page, 'cancelled');
      assert.match(await page.locator('#trouble').textContent(), /cancel/i);
      provider.delay = 0;
      await press(page, 'Try again');
      await reach(page, 'completed');
      assert.deepEqual(problems, []);
      await close();
    });

    test('a refusal is told in words', async () => {
      Object.assign(provider, { delay: 0, answer: refused(400, 'moderation_blocked', 'secret words of the provider') });
      const { page, problems, close } = await visit(browser, tintype);
      await press(page, 'Generate');
      await reach(page, 'error');
      const text = await page.locator('#trouble').textContent();
      assert.match(text, /^[A-Z][a-z ,;'’]{12,}/);
      assert.ok(await page.locator('#views').isHidden());
      await keepScreenshot(page, 'avatars-error');
      assert.deepEqual(problems, []);
      await close();
    });

    test('a quota is told with its wait', async () => {
      Object.assign(provider, { delay: 0, answer: painted() });
      const { page, problems, close } = await visit(browser, tintype);
      for (let time = 0; time < 3; time += 1) {
        await press(page, 'Generate');
        await page.waitForFunction((count) => document.querySelectorAll('#history img').length === count, time + 1);
      }
      await press(page, 'Generate');
      await page.locator('#quota').waitFor();
      assert.match(await page.locator('#quota').textContent(), /in a minute\. The next is possible in \d+ s\./);
      assert.ok(await page.locator('#generate').isDisabled());
      await keepScreenshot(page, 'avatars-quota');
      assert.deepEqual(problems.filter((problem) => !/\b429\b/.test(problem)), []);
      await close();
    });
  });

  test('without JavaScript it says what it needs', async () => {
    const tintype = await startTintype('demo');
    const { page, problems, close } = await open(browser, `${tintype.url}/demo/avatars`, { javaScriptEnabled: false });
    assert.ok(await page.locator('noscript').first().isVisible());
    assert.deepEqual(problems, []);
    await close();
    await tintype.stop();
  });

  test('serve has none of it', async () => {
    const tintype = await startTintype('serve');
    for (const [method, path] of [['GET', '/demo/avatars'], ['POST', '/demo/session']]) {
      assert.equal((await fetch(tintype.url + path, { method, headers: { origin: tintype.url } })).status, 404);
    }
    await tintype.stop();
  });
});
