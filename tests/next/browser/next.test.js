// A real Next.js app whose pictures come from tintype, once by Next's default loader and once by a loader of its own.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PICTURES } from '../images.config.js';
import { keepScreenshot, launchChromium, loadEveryPicture, open } from './support/chromium.js';
import { startServer } from './support/processes.js';
import { servePhotos } from './support/tintype.js';

const app = resolve(import.meta.dirname, '..');

function startNext(loader) {
  const next = createRequire(import.meta.url).resolve('next/dist/bin/next');
  return startServer(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', '0'], {
    listening: /Local:\s+(http:\/\/[^\s]+)[\s\S]*Ready/,
    folder: app,
    environment: { LOADER: loader, NEXT_TELEMETRY_DISABLED: '1' },
  });
}

/** Every picture of the page by its id: what was chosen, and its size in pixels of its own (naturalWidth is in CSS pixels). */
function picturesOnPage(page) {
  return page.evaluate(async () => Object.fromEntries(await Promise.all([...document.images].map(async (image) => {
    const plain = new Image();
    plain.src = image.currentSrc;
    await plain.decode();
    return [image.id, { currentSrc: image.currentSrc, naturalWidth: image.naturalWidth, pixels: plain.naturalWidth }];
  }))));
}

const widthOf = (url) => Number(new URL(url).searchParams.get('w'));

// Candidates that a browser of this density picks in a window 1280 CSS pixels wide, and the pixels that come:
// never more than the original has.
const EXPECTED = {
  1: {
    preloaded: { asked: 1920, pixels: 1024 },
    fixed: { asked: 256, pixels: 256 },
    transparent: { asked: 128, pixels: 128 },
    absolute: { asked: 128, pixels: 128 },
    filling: { asked: 640, pixels: 640 },
    lazy: { asked: 256, pixels: 256 },
  },
  2: {
    preloaded: { asked: 3840, pixels: 1024 },
    fixed: { asked: 384, pixels: 384 },
    transparent: { asked: 256, pixels: 256 },
    absolute: { asked: 256, pixels: 256 },
    filling: { asked: 1920, pixels: 1000 },
    lazy: { asked: 640, pixels: 640 },
  },
};

const LOADERS = {
  default: { pathname: '/_next/image', absolutePath: '/_next/image', openFormat: 'image/png' },
  own: { pathname: '/image/photos/coffee-cup.png', absolutePath: '/image/photos/eileen-collins.png', openFormat: 'image/jpeg' },
};

for (const [loader, expected] of Object.entries(LOADERS)) {
  describe(`next/image by its ${loader} loader`, () => {
    let tintype;
    let next;
    let browser;

    before(async () => {
      tintype = await servePhotos('--public-url', PICTURES);
      next = await startNext(loader);
      browser = await launchChromium({ [new URL(PICTURES).host]: new URL(tintype.url).host });
    });
    after(async () => {
      await browser?.close();
      await next?.stop();
      await tintype?.stop();
    });

    async function visit(deviceScaleFactor, name) {
      const visit = await open(browser, next.url, { deviceScaleFactor });
      await loadEveryPicture(visit.page);
      const shown = await picturesOnPage(visit.page);
      await keepScreenshot(visit.page, `next-${loader}-${name}`, { fullPage: true });
      await visit.close();
      return { ...visit, shown };
    }

    for (const density of [1, 2]) {
      test(`a display of density ${density} gets the candidates made for it`, async () => {
        const { shown, pictures, problems } = await visit(density, `density-${density}`);
        assert.deepEqual(problems, []);
        const got = Object.fromEntries(Object.entries(shown)
          .map(([id, { currentSrc, pixels }]) => [id, { asked: widthOf(currentSrc), pixels }]));
        assert.deepEqual(got, EXPECTED[density]);
        for (const [id, { naturalWidth, currentSrc }] of Object.entries(shown)) {
          assert.ok(naturalWidth > 0, `${id} has a width`);
          assert.ok(currentSrc.startsWith(`${PICTURES}/`), `${id} came from tintype: ${currentSrc}`);
        }
        assert.equal(new URL(shown.fixed.currentSrc).pathname, expected.pathname);
        assert.equal(new URL(shown.absolute.currentSrc).pathname, expected.absolutePath);
        assert.ok(pictures.length >= Object.keys(EXPECTED[density]).length);
        for (const picture of pictures) {
          const headers = picture.headers();
          assert.equal(headers['content-type'], 'image/webp', picture.url());
          assert.match(headers.vary, /accept/i);
          assert.match(headers['cache-status'], /^tintype; (hit|fwd=miss)/);
        }
      });
    }

    test('a second visitor is answered from the cache alone', async () => {
      const { pictures, problems } = await visit(1, 'second-visitor');
      assert.deepEqual(problems, []);
      for (const picture of pictures) {
        assert.match(picture.headers()['cache-status'], /^tintype; hit/, picture.url());
      }
    });

    test('a preloaded picture is asked for once', async () => {
      const { page, pictures, close } = await open(browser, next.url);
      await loadEveryPicture(page);
      const preload = page.locator('link[rel=preload][as=image]');
      assert.equal(await preload.count(), 1);
      const chosen = await page.locator('#preloaded').evaluate((image) => image.currentSrc);
      assert.ok((await preload.getAttribute('imagesrcset')).includes(chosen));
      assert.equal(pictures.filter((picture) => picture.url() === chosen).length, 1);
      await close();
    });

    test('a client without WebP gets a type it knows', async () => {
      const { page, close } = await open(browser, next.url);
      const chosen = new URL(await page.locator('#fixed').evaluate((image) => image.currentSrc));
      await close();
      const answer = await fetch(tintype.url + chosen.pathname + chosen.search, { headers: { accept: 'image/*' } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), expected.openFormat);
    });
  });
}
