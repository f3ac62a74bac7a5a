// The example as its README starts it, and what a person does with its page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { keepScreenshot, open } from '../next/browser/support/chromium.js';
import { eventually } from '../next/browser/support/patience.js';
import { makeFolder, removeFolder, startServer } from '../next/browser/support/processes.js';

const repository = resolve(import.meta.dirname, '../..');
export const example = join(repository, 'deploy/example');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Milliseconds; longer than a build takes on a slow machine. */
const BUILD = 900_000;
const READY = /Local:\s+(http:\/\/[^\s]+)[\s\S]*Ready/;

export const fixture = (name) => join(repository, 'fixtures', name);

/** Ports that were free a moment ago: pages are built for them. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** The commands of the README: one that ends, and two that serve. */
export function commands() {
  const blocks = readFileSync(join(example, 'README.md'), 'utf8').matchAll(/^```sh\n([^]*?)^```/gm);
  return [...blocks].flatMap(([, block]) => block.trim().split('\n')).map((line) => line.replace(/\s+#.*/, ''));
}

export function setUp(command) {
  execFileSync('bash', ['-c', command], { cwd: repository, stdio: ['ignore', 'inherit', 'inherit'], timeout: BUILD });
}

/** Starts tintype and the app by the README's second command. */
export async function startBoth(command, [tintypePort, appPort]) {
  const folder = makeFolder();
  const server = await startServer('bash', ['-c', `exec ${command}`], {
    listening: READY,
    folder: repository,
    patience: BUILD,
    environment: {
      PORT: String(appPort),
      TINTYPE_BIN: process.env.TINTYPE_BIN,
      TINTYPE_LISTEN: `127.0.0.1:${tintypePort}`,
      TINTYPE_DATA: join(folder, 'data'),
      // However slow the machine: the end is told when the first views are there.
      TINTYPE_EVENTS__WARM_WAIT_MS: '60000',
    },
  });
  return { ...server, stop: async () => { await server.stop(); removeFolder(folder); } };
}

/** The app alone, as it was built. */
export function startApp(port) {
  const next = createRequire(join(example, 'package.json')).resolve('next/dist/bin/next');
  return startServer(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)], { listening: READY, folder: example });
}

/** The secret that setup made. */
export const secret = () => /^SUPABASE_JWT_SECRET=(.+)$/m.exec(readFileSync(join(example, '.env.local'), 'utf8'))[1];

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const DESKTOP = { viewport: { width: 1280, height: 860 } };

/** Every window in which the app is walked through. */
export const WINDOWS = ['desktop', 'phone'].flatMap((size) => ['light', 'dark'].map((colorScheme) => ({
  name: `${size}-${colorScheme}`,
  options: { ...(size === 'phone' ? PHONE : DESKTOP), colorScheme },
})));

/** Notes every state of the plate, from before the page's own scripts run. */
function noteStates() {
  window.states = [];
  const note = () => {
    const state = document.querySelector('.plate')?.dataset.state;
    if (state && window.states.at(-1) !== state) window.states.push(state);
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] });
}

/** Opens the app in a window of its own. */
export async function visit(browser, url, { user, ...options } = {}) {
  const visited = await open(browser, 'about:blank', options);
  const { page } = visited;
  await page.addInitScript(noteStates);
  await page.goto(url);
  if (user) await press(page, `Sign in as ${user}`);
  return visited;
}

export const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
export const states = (page) => page.evaluate(() => window.states);
export const forgetStates = (page) => page.evaluate(() => { window.states = []; });
export const reach = (page, state) => page.locator(`.plate[data-state=${state}]`).waitFor();
export const portrait = (page) => page.locator('.frame img');

/** What leaving a page, or replacing a picture that is still coming, cuts off is no fault. */
export const whatWentWrong = (problems) => problems.filter((problem) => !/ERR_ABORTED/.test(problem));

/** Somebody new, and the sheet is theirs. */
export async function addCharacter(page, name) {
  await page.getByLabel('New character').fill(name);
  await press(page, 'Add');
  await page.getByRole('region', { name: `Sheet of ${name}` }).waitFor();
}

/** Waits until these words are beside a field, and the field is marked as wrong. */
export const hasFault = (field, words) => eventually(async () => {
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  const described = (await field.getAttribute('aria-describedby')).split(' ').at(-1);
  assert.equal(await field.page().locator(`[id="${described}"]`).textContent(), words);
});

/** Waits for the end of a generation, and for its picture. Answers where it is from. */
export async function finished(page, before) {
  await page.waitForFunction((before) => {
    const image = document.querySelector('.plate[data-state=completed] .frame img');
    return image?.complete && image.naturalWidth > 0 && image.currentSrc !== before;
  }, before);
  return portrait(page).evaluate((image) => image.currentSrc);
}

/** Nothing of axe's that is serious, nothing wider than the window, and a screenshot. */
export async function inspect(page, name, options = {}) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
  });
  assert.deepEqual(found.filter((violation) => /^(serious|critical)/.test(violation)), [], name);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${name}: wider than the window by ${overflow} px`);
  // One pixel for each of the page's, whatever the display: to be looked at, and small.
  await keepScreenshot(page, `example-${name}`, { scale: 'css', ...options });
}
