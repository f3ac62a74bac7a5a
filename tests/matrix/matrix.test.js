// The package as npm packs it, in apps of the versions that it says it works with: installed, built and shown for real.
//
//   TINTYPE_BIN   the binary; deploy/test builds one and sets it
//   TINTYPE_APPS  names of folders in apps/, parted by commas (default: all)

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launchChromium, open } from '../next/browser/support/chromium.js';
import { makeFolder, removeFolder, startServer } from '../next/browser/support/processes.js';
import { startTintypeWith } from '../next/browser/support/tintype.js';
import { PICTURES } from './pictures.js';

const here = import.meta.dirname;
const repository = resolve(here, '../..');
const SECRET = 'secret of the matrix: nobody else believes it';
/** Milliseconds. */
const PATIENCE = 60_000;
/** Where `vite preview` and `next start` say that they are. */
const LOCAL = /Local:\s+(http:\/\/[^\s/]+)/;

const apps = process.env.TINTYPE_APPS?.split(',') ?? readdirSync(join(here, 'apps'));
const npm = (args, cwd) => execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

function tokenOf(user) {
  const claims = { role: 'authenticated', sub: user, exp: Math.floor(Date.now() / 1000) + 3600 };
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/** Packs the package, as it is now, into a folder. */
function pack(folder) {
  const source = join(repository, 'deploy/npm');
  if (!existsSync(join(source, 'node_modules'))) npm(['ci', '--no-audit', '--no-fund'], source);
  npm(['pack', '--silent', '--pack-destination', folder], source);
}

/** A folder with the app, installed from its lock file and built. */
function build(name, tarball) {
  const folder = makeFolder();
  for (const from of [`apps/${name}`, name.startsWith('next') ? 'next' : 'vite', 'pictures.js', 'generation.js', '.npmrc']) {
    const isFolder = !/\.js$|npmrc$/.test(from);
    cpSync(join(here, from), isFolder ? folder : join(folder, from), { recursive: true });
  }
  cpSync(join(tarball, 'tintype-0.1.0.tgz'), join(folder, 'tintype-0.1.0.tgz'));
  npm(['ci', '--no-audit', '--no-fund'], folder);
  execFileSync('npm', ['run', 'build'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NEXT_PUBLIC_TINTYPE_URL: PICTURES, NEXT_TELEMETRY_DISABLED: '1' },
  });
  return folder;
}

/** Every picture of the page: where it is from, once it is decoded. */
const pictures = (page) => page.evaluate(() => Promise.all([...document.images].map(async (image) => {
  await image.decode();
  return { url: image.currentSrc, alt: image.alt, pixels: image.naturalWidth, candidates: image.srcset.split(', ').length };
})));

describe('the package from its tarball', () => {
  let tarball;
  let tintype;
  let browser;

  before(async () => {
    tarball = makeFolder();
    pack(tarball);
    tintype = await startTintypeWith(
      { TINTYPE_JWT_SECRET: SECRET, TINTYPE_AVATARS__PROVIDER: 'painter', TINTYPE_PUBLIC_URL: PICTURES },
      'serve', '--bucket', `photos=${join(repository, 'fixtures/photos')}`,
    );
    browser = await launchChromium({ [new URL(PICTURES).host]: new URL(tintype.url).host });
  });
  after(async () => {
    await browser?.close();
    await tintype?.stop();
  });

  for (const name of apps) {
    test(`in an app of ${name}`, async () => {
      const folder = build(name, tarball);
      const app = await startServer('npm', ['start'], { listening: LOCAL, folder, environment: { NEXT_TELEMETRY_DISABLED: '1' } });
      try {
        const user = randomUUID();
        const { page, problems, close } = await open(browser, `${app.url}/?user=${user}&token=${tokenOf(user)}`);
        page.setDefaultTimeout(PATIENCE);
        const [first, second, ...others] = await pictures(page);
        assert.deepEqual(others, []);
        for (const [shown, object] of [[first, 'coffee-cup.png'], [second, 'eileen-collins.png']]) {
          assert.equal(shown.url, `${PICTURES}/storage/v1/render/image/public/photos/${object}?width=256&quality=75`);
          assert.ok(shown.pixels > 0);
          assert.equal(shown.candidates, 2);
        }
        await page.getByRole('button', { name: 'Generate' }).click();
        await page.getByText('completed').waitFor();
        await page.getByAltText('avatar').waitFor();
        const avatar = (await pictures(page)).find(({ alt }) => alt === 'avatar');
        assert.match(avatar.url, new RegExp(`^${PICTURES}/storage/v1/render/image/public/kinkster-avatars/${user}/kinksters/avatar_\\d+\\.png\\?width=256&quality=75$`));
        assert.ok(avatar.pixels > 0);
        // A stream that is left when the picture is there is no fault.
        assert.deepEqual(problems.filter((problem) => !/events\?: net::ERR_ABORTED$/.test(problem)), []);
        await close();
      } finally {
        await app.stop();
        removeFolder(folder);
      }
    });
  }
});
