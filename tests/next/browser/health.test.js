// The operator's page: signing in, figures that move, a lost connection, what axe says.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { keepScreenshot, launchChromium, open } from './support/chromium.js';
import { eventually } from './support/patience.js';
import { startTintypeWith } from './support/tintype.js';
import { startWire } from './support/wire.js';

const SECRET = 'a-secret-for-browser-tests-of-32-bytes';
const SCREENS = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
const photos = join(resolve(import.meta.dirname, '../../..'), 'fixtures/photos');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A key of this role. */
function keyOf(role) {
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ role, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
}

/** What axe finds that is serious, as texts. */
async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

async function signIn(page, key) {
  await page.getByLabel('Service key').fill(key);
  await page.getByRole('button', { name: 'Look' }).click();
}

const state = (page, name) => page.locator(`#state[data-state=${name}]`).waitFor();

/** How many requests the page tells of since the start. */
async function requests(page) {
  await page.locator('input[name=span][value=start]').check({ force: true });
  return Number.parseInt(await page.locator('#requests-detail').textContent(), 10);
}
const moreThan = (count) => Number.parseInt(document.getElementById('requests-detail').textContent, 10) > count;

describe('the operator’s page', () => {
  let tintype;
  let browser;

  before(async () => {
    tintype = await startTintypeWith({ TINTYPE_JWT_SECRET: SECRET }, 'serve', '--bucket', `photos=${photos}`);
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await tintype?.stop();
  });

  const visit = (options) => open(browser, `${tintype.url}/studio/health`, options);
  const picture = (width) => fetch(`${tintype.url}/image/photos/coffee-cup.png?w=${width}&f=webp`);

  for (const [screen, size] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`it shows what happens, on a ${screen} in the ${colorScheme} scheme`, async () => {
        const { page, problems, close } = await visit({ ...size, colorScheme, reducedMotion: 'reduce' });
        assert.deepEqual(await violations(page), []);
        await signIn(page, keyOf('service_role'));
        await state(page, 'live');
        const before = await requests(page);
        await Promise.all([64, 64, 65, 66].map(picture));
        for (let hits = 0; hits < 5; hits += 1) await (await picture(64)).arrayBuffer();
        await page.waitForFunction(moreThan, before + 8);
        await page.waitForFunction(() => /^hit[\d.]+ [µm]s/.test(document.getElementById('stage-rows').textContent));
        await page.waitForFunction(() => document.querySelector('svg[data-line=requests] polyline'));
        assert.match(await page.locator('#hits').textContent(), /%$/);
        assert.match(await page.locator('#saved').textContent(), /[1-9].* [kM]?B$/);
        assert.match(await page.locator('#stage-rows').textContent(), /decode[\d.]+ [µm]s/);
        await eventually(async () => assert.match(await page.locator('#findings').textContent(), /bucket photos/));
        assert.deepEqual(await violations(page), []);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `wider than the window by ${overflow} px`);
        await keepScreenshot(page, `health-${screen}-${colorScheme}`, { fullPage: true });
        assert.deepEqual(problems, []);
        await close();
      });
    }
  }

  test('a key that may not look is told so, and no key is kept anywhere', async () => {
    const { page, problems, close } = await visit();
    for (const key of ['nonsense', keyOf('authenticated')]) {
      await signIn(page, key);
      // Of this key: what was said of the one before stays until then.
      await state(page, 'out');
      await page.getByRole('alert').filter({ hasText: 'no service key' }).waitFor();
      assert.equal(await page.getByLabel('Service key').inputValue(), '');
    }
    await signIn(page, keyOf('service_role'));
    await state(page, 'live');
    const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie, location.href.includes('eyJ')]);
    assert.deepEqual(kept, [0, 0, '', false]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    assert.ok(await page.locator('#board').isHidden());
    await page.reload();
    assert.ok(await page.getByLabel('Service key').isVisible());
    assert.deepEqual(problems.filter((problem) => !/403|ERR_ABORTED/.test(problem)), []);
    await close();
  });

  test('it is worked by keyboard', async () => {
    const { page, close } = await visit();
    await page.getByLabel('Service key').focus();
    await page.keyboard.type(keyOf('service_role'));
    await page.keyboard.press('Enter');
    await state(page, 'live');
    await page.locator('input[name=span]:checked').focus();
    for (let press = 0; press < 3; press += 1) await page.keyboard.press('ArrowRight');
    assert.equal(await page.locator('input[name=span]:checked').inputValue(), 'start');
    await close();
  });

  test('a connection that is lost is told, and found again', async () => {
    const wire = await startWire(tintype.url);
    const { page, close } = await open(browser, `${wire.url}/studio/health`);
    await signIn(page, keyOf('service_role'));
    await state(page, 'live');
    wire.cut();
    await state(page, 'lost');
    assert.match(await page.getByRole('status').textContent(), /Trying again/);
    wire.mend();
    await state(page, 'live');
    const before = await requests(page);
    await picture(64);
    await page.waitForFunction(moreThan, before);
    await close();
    await wire.stop();
  });
});
