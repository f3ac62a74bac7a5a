import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { PATIENCE } from './patience.js';

const QUIET = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Starts Chromium with an empty profile; `hosts` maps host names to the `host:port` that they stand for. */
export function launchChromium(hosts = {}) {
  const rules = Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`);
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    // The pages are ours, and Chromium's sandbox does not start as root or in most containers.
    chromiumSandbox: false,
    args: [...QUIET, ...(rules.length ? [`--host-resolver-rules=${rules.join(', ')}`] : [])],
  });
}

/**
 * Opens `url` in a context of its own, so with an empty HTTP cache.
 * Answers {page, pictures, problems, close}: `pictures` are the image answers from the network in order, `problems`
 * whatever went wrong, Content-Security-Policy violations included.
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const problems = [];
  const pictures = [];
  page.on('pageerror', (fault) => problems.push(`page error: ${fault.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('requestfailed', (request) => problems.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', (answer) => {
    if (answer.status() >= 400) problems.push(`${answer.url()}: ${answer.status()}`);
    if (answer.request().resourceType() === 'image' && /^http/.test(answer.url())) pictures.push(answer);
  });
  await page.goto(url, { waitUntil: 'load' });
  return { page, pictures, problems, close: () => context.close() };
}

/** Scrolls through the page, so that lazy pictures are asked for, and waits until every picture has come or failed. */
export async function loadEveryPicture(page) {
  for (const picture of await page.locator('img:visible').all()) await picture.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...document.images].every((image) => image.complete || !image.checkVisibility()));
  await page.evaluate(() => scrollTo(0, 0));
}

/** Keeps requests to these URLs back, until what is answered is called. */
export async function holdBack(page, urls) {
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  await page.route(urls, async (route) => {
    await released;
    // Who asked may be gone.
    await route.continue().catch(() => {});
  });
  return release;
}

/** What was copied last. A page writes there in its own time. */
export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Keeps a screenshot as `{TINTYPE_ARTEFACTS}/{name}.png`; never in the repository. */
export async function keepScreenshot(page, name, options = {}) {
  const folder = process.env.TINTYPE_ARTEFACTS || join(tmpdir(), 'tintype-artefacts');
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), ...options });
}
