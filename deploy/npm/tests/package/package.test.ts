// What npm packs, installed into an empty folder as any app has it, and not linked.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createContext, runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { build as viteBuild } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Bytes of the loader in a page, minified. */
const LOADER_BYTES = 5_000;
const REACTS = process.env['TINTYPE_FULL'] ? ['18.3.1', '19.3.1'] : ['19.3.1'];

const here = resolve(import.meta.dirname, '../..');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
let scratch: string;
let files: string[];

const run = (command: string, args: string[], cwd: string) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const app = (react = '19.3.1') => join(scratch, `react-${react}`);

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tintype-package-'));
  // What a build prints is not npm's JSON.
  const packed = run('npm', ['pack', '--json', '--pack-destination', scratch], here);
  const [tarball] = JSON.parse(packed.slice(packed.indexOf('['))) as { filename: string; files: { path: string }[] }[];
  files = tarball!.files.map(({ path }) => path);
  for (const react of REACTS) {
    mkdirSync(app(react));
    writeFileSync(join(app(react), 'package.json'), '{"name":"app","private":true}');
    const wanted = [join(scratch, tarball!.filename), `react@${react}`, `react-dom@${react}`, `@types/react@${react.split('.')[0]}`, '@types/node@20.19.8', '@supabase/supabase-js@2.109.0'];
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...wanted], app(react));
  }
}, 300_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

/** Runs a script in the app, and reads the JSON that it prints. */
function inApp(name: string, script: string, react?: string): unknown {
  writeFileSync(join(app(react), name), script);
  return JSON.parse(run(process.execPath, [name], app(react)));
}

test('the tarball has the compiled files, the licences and nothing else', () => {
  const other = files.filter((path) => !/^(dist\/(esm|cjs)\/.+\.(js|d\.ts)|dist\/cjs\/package\.json|LICENSE-(MIT|APACHE)|README\.md|package\.json)$/.test(path));
  expect(other).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'dist/esm/loader.js', 'dist/cjs/loader.js', 'dist/esm/loader.d.ts', 'dist/cjs/loader.d.ts']));
});

const NAMES = {
  'tintype': ['DEVICE_WIDTHS', 'PlaceholderError', 'createLoader', 'imageUrl', 'loader', 'placeholder', 'srcSet'],
  'tintype/loader': ['createLoader', 'default'],
  'tintype/avatars': ['AvatarError', 'AvatarGeneration'],
  'tintype/react': ['AvatarError', 'AvatarGenerator', 'AvatarProvider', 'useAvatarGeneration'],
  'tintype/server': ['PlaceholderError', 'SigningError', 'WebhookError', 'forward', 'placeholder', 'signUrl', 'verifyWebhook'],
};
const USED = `loader({ src: 'b/a.png', width: 64 })`;
const URL_OF_IT = '/storage/v1/render/image/public/b/a.png?width=64&quality=75';

test.each(REACTS)('it is imported as ES modules beside React %s', (react) => {
  const imports = Object.keys(NAMES).map((name) => `'${name}': Object.keys(await import('${name}')).sort()`);
  const script = `import loader from 'tintype/loader';\nconsole.log(JSON.stringify({ names: {${imports.join(', ')}}, url: ${USED} }));`;
  expect(inApp('app.mjs', script, react)).toEqual({ names: NAMES, url: URL_OF_IT });
});

test.each(REACTS)('it is required as CommonJS beside React %s', (react) => {
  const requires = Object.keys(NAMES).map((name) => `'${name}': Object.keys(require('${name}')).filter((key) => key !== '__esModule').sort()`);
  const script = `const { default: loader } = require('tintype/loader');\nconsole.log(JSON.stringify({ names: {${requires.join(', ')}}, url: ${USED} }));`;
  expect(inApp('app.cjs', script, react)).toEqual({ names: NAMES, url: URL_OF_IT });
});

test.each(REACTS)('a page is rendered with the hook by React %s', (react) => {
  const script = `
    import { createElement } from 'react';
    import { renderToString } from 'react-dom/server';
    import { AvatarGenerator } from 'tintype/react';
    const draw = ({ isGenerating, error }) => createElement('p', null, JSON.stringify({ isGenerating, error }));
    console.log(JSON.stringify(renderToString(createElement(AvatarGenerator, { userId: 'ann', children: draw })).replaceAll('&quot;', '"')));`;
  expect(inApp('page.mjs', script, react)).toBe('<p>{"isGenerating":false,"error":null}</p>');
});

test('what is for the browser says so', () => {
  for (const form of ['esm', 'cjs']) {
    const text = readFileSync(join(app(), 'node_modules/tintype/dist', form, 'react.js'), 'utf8');
    expect(text, form).toMatch(/^(?:['"]use strict['"];\s*)?['"]use client['"];/);
  }
});

test.each([['NodeNext', ['app.mts', 'app.cts']], ['bundler', ['app.ts']]])('its types are found by the rules of %s', (resolution, names) => {
  const imports = `
    import loader, { createLoader } from 'tintype/loader';
    import { imageUrl, type Placeholder } from 'tintype';
    import { useAvatarGeneration } from 'tintype/react';
    import { verifyWebhook } from 'tintype/server';
    export const url: string = loader({ src: imageUrl('b/a.png'), width: 64 });
    export const told: Placeholder['color'] = createLoader({ dialect: 'native' })({ src: 'b/a.png', width: 64 });
    export type Hook = ReturnType<typeof useAvatarGeneration>['isGenerating'];
    export const wrong: { verify: typeof verifyWebhook } = { verify: verifyWebhook };
    // @ts-expect-error a width is a number, so the types are really there
    loader({ src: 'b/a.png', width: '64' });`;
  names.forEach((name) => writeFileSync(join(app(), name), imports));
  const module = resolution === 'bundler' ? 'ESNext' : 'NodeNext';
  // `skipLibCheck` stays off: our own declarations are looked at, too.
  run(process.execPath, [tsc, '--noEmit', '--strict', '--target', 'ES2022', '--lib', 'ES2022,DOM,DOM.Iterable', '--types', 'react', '--module', module, '--moduleResolution', resolution, ...names], app());
});

/** Blocks of a README that say `// file` in their first line and name this package. */
function examples(readme: string): [string, string][] {
  const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```(?:js|tsx?)\n\/\/ ([^\s,]+)[^\n]*\n([^]*?)^```/gm)];
  return blocks.map(([, name, text]) => [name!, text!] as [string, string]).filter(([, text]) => text.includes("'tintype"));
}

test('the READMEs’ examples are sound', () => {
  const found = [...examples(join(here, 'README.md')), ...examples(join(here, '../../README.md'))];
  expect(found.map(([name]) => name)).toEqual(expect.arrayContaining(['image-loader.ts', 'own-loader.ts', 'card.ts', 'placeholder.ts', 'avatar.tsx', 'sign.ts', 'image-loader.js']));
  const names = found.map(([name, text], at) => {
    const file = `example-${at}.${name.split('.').at(-1)}`;
    writeFileSync(join(app(), file), text);
    return file;
  });
  const looked = ['--noEmit', '--strict', '--allowJs', '--checkJs', '--skipLibCheck', '--jsx', 'react-jsx', '--target', 'ES2022', '--lib', 'ES2022,DOM', '--types', 'react,node'];
  run(process.execPath, [tsc, ...looked, '--module', 'ESNext', '--moduleResolution', 'bundler', ...names], app());
});

async function bundled(script: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: app() }, bundle: true, minify: true, format: 'esm', platform: 'browser', write: false, external: ['react'], logLevel: 'error',
  });
  return outputFiles[0]!.text;
}

test('the loader is small', async () => {
  const text = await bundled(`export { default } from 'tintype/loader';`);
  expect(Buffer.byteLength(text)).toBeLessThan(LOADER_BYTES);
});

test('what is not used is not in the page', async () => {
  const loaderAlone = await bundled(`export { createLoader } from 'tintype';`);
  for (const absent of ['PlaceholderError', 'webhook', 'avatar']) expect(loaderAlone).not.toContain(absent);
  expect(Buffer.byteLength(loaderAlone)).toBeLessThan(LOADER_BYTES);
  expect(await bundled(`import 'tintype'; import 'tintype/server';`)).toBe('');
});

test('a Vite app takes it', async () => {
  writeFileSync(join(app(), 'page.js'), `
    import loader, { createLoader } from 'tintype/loader';
    import { AvatarGeneration } from 'tintype/avatars';
    globalThis.shown = [loader({ src: 'b/a.png', width: 64 }), createLoader({ base: import.meta.env.VITE_PICTURES })({ src: 'b/a.png', width: 64 }), typeof AvatarGeneration];`);
  process.env['VITE_PICTURES'] = 'https://images.example.com';
  const built = await viteBuild({
    root: app(), logLevel: 'error', configFile: false,
    define: { 'process.env.NEXT_PUBLIC_TINTYPE_URL': '"https://own.example.com"' },
    build: { write: false, lib: { entry: join(app(), 'page.js'), formats: ['iife'], name: 'page' } },
  });
  delete process.env['VITE_PICTURES'];
  const [{ output: [{ code }] }] = built as unknown as [{ output: [{ code: string }] }];
  // As in a page: without `process`.
  const page: { shown?: unknown } = {};
  runInNewContext(code, createContext(Object.assign(page, { URL, encodeURIComponent })));
  expect(page.shown).toEqual([`https://own.example.com${URL_OF_IT}`, `https://images.example.com${URL_OF_IT}`, 'function']);
});

test('it needs nothing but its peers', () => {
  const { dependencies, peerDependenciesMeta } = JSON.parse(readFileSync(join(app(), 'node_modules/tintype/package.json'), 'utf8')) as Record<string, unknown>;
  expect([dependencies, Object.keys(peerDependenciesMeta as object).sort()]).toEqual([undefined, ['@supabase/supabase-js', 'next']]);
  const { dependencies: linked } = JSON.parse(run('npm', ['ls', '--json', '--depth=0'], app())) as { dependencies: Record<string, { resolved: string }> };
  expect(linked['tintype']!.resolved).toMatch(/\.tgz$/);
});
