// The documentation in the binary: every page at two sizes in both schemes, its search, and the API's page with its form.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { clipboard, keepScreenshot, launchChromium, open } from './support/chromium.js';
import { eventually } from './support/patience.js';
import { servePhotos } from './support/tintype.js';

const SCREENS = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
/** Pages that are looked at by people, too. */
const KEPT = ['/docs', '/docs/urls', '/docs/configuration', '/docs/troubleshooting', '/docs/from-imgproxy', '/docs/api'];

/** What axe finds, as one line each. */
async function accessibility(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  return bad.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`);
}

describe('the documentation', () => {
  let tintype;
  let browser;
  let paths;

  before(async () => {
    tintype = await servePhotos();
    browser = await launchChromium();
    const index = await (await fetch(`${tintype.url}/docs`)).text();
    const navigation = index.slice(index.indexOf('<nav class="pages"'), index.indexOf('</nav>'));
    paths = [...navigation.matchAll(/href="(\/docs[^"#]*)"/g)].map(([, path]) => path);
  });
  after(async () => {
    await browser?.close();
    await tintype?.stop();
  });

  for (const [screen, size] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`every page reads well on a ${screen} in the ${colorScheme} scheme`, async () => {
        assert.ok(paths.length > 20, paths.join(' '));
        for (const path of paths) {
          const { page, problems, close } = await open(browser, tintype.url + path, { ...size, colorScheme });
          if (path === '/docs/api') await page.locator('.operation').first().waitFor();
          assert.deepEqual(await accessibility(page), [], path);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(overflow <= 0, `${path} is wider than the window by ${overflow} px`);
          if (KEPT.includes(path)) await keepScreenshot(page, `docs${path.replaceAll('/', '-').slice(5)}-${screen}-${colorScheme}`);
          assert.deepEqual(problems, [], path);
          await close();
        }
      });
    }
  }

  test('without JavaScript a page has all of its words and its navigation', async () => {
    const { page, problems, close } = await open(browser, `${tintype.url}/docs/urls`, { javaScriptEnabled: false });
    assert.ok(await page.locator('article table').first().isVisible());
    await page.locator('.menu summary').first().evaluate((summary) => summary.textContent);
    assert.equal(await page.locator('.pages a[aria-current]').textContent(), 'Image URLs');
    assert.deepEqual(problems, []);
    await close();
  });

  test('the search finds a section by words, and the keyboard goes there', async () => {
    const { page, problems, close } = await open(browser, `${tintype.url}/docs`, SCREENS.desktop);
    await page.keyboard.press('/');
    await page.keyboard.type('trusted_proxies 429');
    await page.locator('#found a').first().waitFor();
    await keepScreenshot(page, 'docs-search');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/docs\/(cdn|troubleshooting)/);
    await page.locator('#search').fill('<img src=x onerror=alert(1)>');
    await page.locator('#found .none').waitFor();
    assert.equal(await page.locator('#found img').count(), 0);
    assert.deepEqual(problems, []);
    await close();
  });

  test('on a phone the navigation unfolds', async () => {
    const { page, problems, close } = await open(browser, `${tintype.url}/docs/urls`, SCREENS.phone);
    assert.ok(await page.locator('.pages').isHidden());
    await page.locator('.menu summary').click();
    assert.ok(await page.locator('.pages').isVisible());
    await keepScreenshot(page, 'docs-phone-menu');
    await page.locator('.pages a', { hasText: 'Metrics' }).click();
    await page.waitForURL(/\/docs\/metrics$/);
    assert.deepEqual(problems, []);
    await close();
  });

  test('code is copied', async () => {
    const context = { ...SCREENS.desktop, permissions: ['clipboard-read', 'clipboard-write'] };
    const { page, close } = await open(browser, `${tintype.url}/docs/start`, context);
    const block = page.locator('.copied').first();
    await block.hover();
    await block.locator('button').click();
    await eventually(async () => assert.match(await clipboard(page), /^deploy\/quickstart/));
    await close();
  });

  describe('the API', () => {
    let visit;
    let page;

    before(async () => {
      visit = await open(browser, `${tintype.url}/docs/api`, SCREENS.desktop);
      page = visit.page;
      await page.locator('.operation').first().waitFor();
    });
    after(() => visit?.close());

    /** Opens an operation by its link, and fills in its form. */
    async function ask(operation, values) {
      await page.evaluate((id) => { location.hash = id; }, operation);
      const made = page.locator(`#${operation}`);
      await made.locator('.try').waitFor();
      for (const [label, value] of Object.entries(values)) await made.getByLabel(label, { exact: false }).first().fill(value);
      await made.getByRole('button', { name: 'Send' }).click();
      await made.locator('.output .status').waitFor();
      return made.locator('.output');
    }

    test('shows every operation, and every form opens', async () => {
      const { paths: described } = await (await fetch(`${tintype.url}/openapi.json`)).json();
      const count = Object.values(described).flatMap((item) => Object.keys(item)).length;
      assert.equal(await page.locator('.operation').count(), count);
      await page.evaluate(() => document.querySelectorAll('.operation').forEach((one) => { one.open = true; }));
      await page.waitForFunction(() => [...document.querySelectorAll('.operation')].every((one) => one.childElementCount > 1));
      assert.equal(await page.locator('.operation .try').count(), count - 1, 'all but the websocket');
      assert.deepEqual(await accessibility(page), []);
      await page.evaluate(() => document.querySelectorAll('.operation').forEach((one) => { one.open = false; }));
    });

    test('a picture is asked for and shown', async () => {
      const output = await ask('nativePicture', { 'bucket (': 'photos', 'object (': 'coffee-cup.png', 'w (': '64' });
      assert.equal(await output.locator('.status').textContent(), '200');
      await output.locator('img').waitFor();
      assert.equal(await output.locator('img').evaluate((image) => image.decode().then(() => image.naturalWidth)), 64);
      await keepScreenshot(page, 'docs-api-picture');
    });

    test('an error leads to its section', async () => {
      visit.problems.length = 0;
      const output = await ask('usage', {});
      assert.equal(await output.locator('.status').textContent(), '403');
      assert.equal(await output.getByRole('link').getAttribute('href'), '/docs/troubleshooting#forbidden');
      // The browser itself tells of an answer that is an error.
      assert.ok(visit.problems.splice(0).every((problem) => /403/.test(problem)));
    });

    test('the token is sent from memory alone', async () => {
      const answer = await page.evaluate(() => Object.keys(localStorage).length + Object.keys(sessionStorage).length + document.cookie.length);
      assert.equal(answer, 0);
      await page.locator('#token').fill('not-a-token');
      const [request] = await Promise.all([page.waitForRequest(/\/storage\/v1\/bucket$/), ask('listBuckets', {})]);
      assert.equal(request.headers().authorization, 'Bearer not-a-token');
      const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]));
      assert.ok(!kept.includes('not-a-token'));
      await page.reload();
      assert.equal(await page.locator('#token').inputValue(), '');
      visit.problems.length = 0;
    });

    test('the list is filtered by words', async () => {
      await page.locator('.operation').first().waitFor();
      await page.locator('#filter').fill('resumable patch');
      assert.equal(await page.locator('.operation:visible').count(), 2);
      assert.match(await page.locator('#shown').textContent(), /^2 of /);
      assert.deepEqual(visit.problems, []);
    });
  });
});
