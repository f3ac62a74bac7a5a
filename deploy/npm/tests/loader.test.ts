// The loader's rules, case by case.

import { afterEach, expect, test, vi } from 'vitest';
import { createLoader, type LoaderOptions } from '../src/urls.js';

const BASE = 'https://images.example.com';
const OBJECT = 'https://your-project.supabase.co/storage/v1/object/public';
const RENDER = `${BASE}/storage/v1/render/image/public`;

interface Case {
  why: string;
  src: string;
  expected: string;
  quality?: number;
  options?: LoaderOptions;
}

const cases: Case[] = [
  { why: 'a public object of a Supabase', src: `${OBJECT}/avatars/a/b.png`, expected: `${RENDER}/avatars/a/b.png?width=640&quality=75` },
  { why: 'a public object of ours', src: `${BASE}/storage/v1/object/public/avatars/a.png`, expected: `${RENDER}/avatars/a.png?width=640&quality=75` },
  { why: 'a native URL of ours', src: `${BASE}/image/avatars/a.png?w=64&f=webp`, expected: `${RENDER}/avatars/a.png?f=webp&width=640&quality=75` },
  { why: 'a public URL that is rendered already', src: `${RENDER}/avatars/a.png?width=64&quality=10`, expected: `${RENDER}/avatars/a.png?width=640&quality=75` },
  { why: 'a quality', src: `${OBJECT}/b/a.png`, quality: 100, expected: `${RENDER}/b/a.png?width=640&quality=100` },
  { why: 'another port is another host', src: 'https://images.example.com:8443/storage/v1/object/public/b/a.png', expected: 'https://images.example.com:8443/storage/v1/object/public/b/a.png' },
  { why: 'a protocol-relative URL of ours', src: '//images.example.com/storage/v1/object/public/b/a.png', expected: `${RENDER}/b/a.png?width=640&quality=75` },
  { why: 'capitals in a host', src: 'https://IMAGES.example.com/storage/v1/object/public/b/a.png', expected: `${RENDER}/b/a.png?width=640&quality=75` },
  { why: 'a bare bucket and path', src: 'kinkster-avatars/ann/kinksters/avatar_1.png', expected: `${RENDER}/kinkster-avatars/ann/kinksters/avatar_1.png?width=640&quality=75` },
  { why: 'letters that no URL may have', src: 'photos/a b ü.png', expected: `${RENDER}/photos/a%20b%20%C3%BC.png?width=640&quality=75` },
  { why: 'letters that are encoded already', src: 'photos/a%20b.png', expected: `${RENDER}/photos/a%20b.png?width=640&quality=75` },
  { why: 'a local picture', src: '/logo.png', expected: '/logo.png?w=640&q=75' },
  { why: 'a local picture with a query', src: '/logo.png?v=3', expected: '/logo.png?v=3&w=640&q=75' },
  { why: 'a local picture that was loaded already', src: '/logo.png?w=64&q=10', expected: '/logo.png?w=640&q=75' },
  { why: 'a local picture with a fragment', src: '/icons.svg#cup', expected: '/icons.svg?w=640&q=75#cup' },
  { why: 'an import of the app', src: '/_next/static/media/cup.1234.png', expected: '/_next/static/media/cup.1234.png?w=640&q=75' },
  { why: 'a public object of the page’s own origin', src: '/storage/v1/object/public/b/a.png', expected: `${RENDER}/b/a.png?width=640&quality=75` },
  { why: 'a query is kept, once', src: `${OBJECT}/b/a.png?v=7&width=3`, expected: `${RENDER}/b/a.png?v=7&width=640&quality=75` },
  { why: 'a bare path’s query', src: 'b/a.png?v=7', expected: `${RENDER}/b/a.png?v=7&width=640&quality=75` },
  { why: 'another host', src: 'https://elsewhere.example/a.png', expected: 'https://elsewhere.example/a.png' },
  { why: 'another host with our path', src: 'https://elsewhere.example/storage/v1/object/public/b/a.png', expected: 'https://elsewhere.example/storage/v1/object/public/b/a.png' },
  { why: 'a host that ends like a Supabase', src: 'https://evil-supabase.co/storage/v1/object/public/b/a.png', expected: 'https://evil-supabase.co/storage/v1/object/public/b/a.png' },
  { why: 'a host that begins like one', src: 'https://p.supabase.co.evil.example/storage/v1/object/public/b/a.png', expected: 'https://p.supabase.co.evil.example/storage/v1/object/public/b/a.png' },
  { why: 'a user name that looks like a host', src: 'https://p.supabase.co@evil.example/storage/v1/object/public/b/a.png', expected: 'https://p.supabase.co@evil.example/storage/v1/object/public/b/a.png' },
  { why: 'our host, but no object', src: `${BASE}/logo.png`, expected: `${BASE}/logo.png` },
  { why: 'a bucket alone', src: `${OBJECT}/b`, expected: `${OBJECT}/b` },
  { why: 'a signed URL', src: 'https://p.supabase.co/storage/v1/object/sign/b/a.png?token=x', expected: 'https://p.supabase.co/storage/v1/object/sign/b/a.png?token=x' },
  { why: 'data', src: 'data:image/png;base64,AAAA', expected: 'data:image/png;base64,AAAA' },
  { why: 'a blob', src: 'blob:https://app.example.com/1', expected: 'blob:https://app.example.com/1' },
  { why: 'a script', src: 'javascript:alert(1)', expected: 'javascript:alert(1)' },
  { why: 'steps out of the bucket', src: 'b/../../admin/x', expected: 'b/../../admin/x?w=640&q=75' },
  { why: 'encoded steps', src: 'b/%2e%2E/admin', expected: 'b/%2e%2E/admin?w=640&q=75' },
  { why: 'steps by the other slash', src: 'b/..\\admin', expected: 'b/..\\admin?w=640&q=75' },
  { why: 'steps in a URL', src: `${OBJECT}/b/../../../../../admin/x`, expected: `${OBJECT}/b/../../../../../admin/x` },
  { why: 'half of a letter', src: 'b/\ud800.png', expected: 'b/\ud800.png?w=640&q=75' },
  { why: 'nothing', src: '', expected: '?w=640&q=75' },
  { why: 'no base: the page’s own origin', src: 'b/a.png', options: { base: undefined }, expected: '/storage/v1/render/image/public/b/a.png?width=640&quality=75' },
  { why: 'a base with a slash too many', src: 'b/a.png', options: { base: `${BASE}/` }, expected: `${RENDER}/b/a.png?width=640&quality=75` },
  { why: 'a base with a path', src: `${BASE}/cdn/image/b/a.png`, options: { base: `${BASE}/cdn` }, expected: `${BASE}/cdn/storage/v1/render/image/public/b/a.png?width=640&quality=75` },
  { why: 'beside a base with a path', src: `${BASE}/image/b/a.png`, options: { base: `${BASE}/cdn` }, expected: `${BASE}/image/b/a.png` },
  { why: 'a base that is a path', src: '/cdn/storage/v1/object/public/b/a.png', options: { base: '/cdn' }, expected: '/cdn/storage/v1/render/image/public/b/a.png?width=640&quality=75' },
  { why: 'any host, local ones too', src: 'http://127.0.0.1:54321/storage/v1/object/public/b/a.png', options: { base: 'http://127.0.0.1:8787', allowed: ['http://127.0.0.1:54321'] }, expected: 'http://127.0.0.1:8787/storage/v1/render/image/public/b/a.png?width=640&quality=75' },
  { why: 'an allowed host', src: 'https://api.example.org/storage/v1/object/public/b/a.png', options: { base: BASE, allowed: ['*.example.org'] }, expected: `${RENDER}/b/a.png?width=640&quality=75` },
  { why: 'a list of one’s own replaces the default', src: `${OBJECT}/b/a.png`, options: { base: BASE, allowed: ['api.example.org'] }, expected: `${OBJECT}/b/a.png` },
  { why: 'native: an object', src: `${OBJECT}/b/a.png?v=7`, options: { base: BASE, dialect: 'native' }, expected: `${BASE}/image/b/a.png?v=7&w=640&q=75` },
  { why: 'native: bare', src: 'b/a.png', options: { base: BASE, dialect: 'native' }, expected: `${BASE}/image/b/a.png?w=640&q=75` },
  { why: 'native: local', src: '/logo.png', options: { base: BASE, dialect: 'native' }, expected: '/logo.png?w=640&q=75' },
  { why: 'native: local pictures of a bucket', src: '/cats/a.jpg', options: { base: BASE, dialect: 'native', bucket: 'photos' }, expected: `${BASE}/image/photos/cats/a.jpg?w=640&q=75` },
  { why: 'next: an object', src: `${OBJECT}/b/a%20b.png`, options: { base: BASE, dialect: 'next' }, expected: `${BASE}/_next/image?url=%2Fb%2Fa%2520b.png&w=640&q=75` },
  { why: 'next: local', src: '/photos/a.jpg?v=1', options: { base: BASE, dialect: 'next' }, expected: `${BASE}/_next/image?url=%2Fphotos%2Fa.jpg%3Fv%3D1&w=640&q=75` },
  { why: 'next: a remote picture of an allowed host', src: 'https://cdn.example.org/a.jpg', options: { base: BASE, dialect: 'next', allowed: ['cdn.example.org'] }, expected: `${BASE}/_next/image?url=https%3A%2F%2Fcdn.example.org%2Fa.jpg&w=640&q=75` },
  { why: 'next: another host', src: 'https://elsewhere.example/a.png', options: { base: BASE, dialect: 'next' }, expected: 'https://elsewhere.example/a.png' },
];

test.each(cases)('$why: $src', ({ src, quality, options = { base: BASE }, expected }) => {
  const load = createLoader(options);
  expect(load({ src, width: 640, quality })).toBe(expected);
  // Pure: the same again.
  expect(load({ src, width: 640, quality })).toBe(expected);
});

test('what is loaded already is loaded once', () => {
  for (const dialect of ['native', 'supabase'] as const) {
    const load = createLoader({ base: BASE, dialect });
    const once = load({ src: 'b/a b.png?v=1', width: 640 });
    expect(load({ src: once, width: 640 })).toBe(once);
  }
});

test('every width of next/image is in its URL', () => {
  const load = createLoader({ base: BASE });
  for (const width of [16, 32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840]) {
    for (const quality of [75, 90, 100]) {
      const url = new URL(load({ src: `${OBJECT}/b/a.png`, width, quality }));
      expect([...url.searchParams]).toEqual([['width', String(width)], ['quality', String(quality)]]);
    }
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.resetModules();
});

const loaderOfEnvironment = async () => (await import('../src/loader.js')).default;

test('the environment names the server', async () => {
  vi.stubEnv('NEXT_PUBLIC_TINTYPE_URL', BASE);
  vi.stubEnv('NEXT_PUBLIC_SUPABASE_URL', 'https://db.example.org');
  const load = await loaderOfEnvironment();
  expect(load({ src: 'https://db.example.org/storage/v1/object/public/b/a.png', width: 64 })).toBe(`${RENDER}/b/a.png?width=64&quality=75`);
});

test('the project’s URL is the base where no other is named', async () => {
  vi.stubEnv('NEXT_PUBLIC_SUPABASE_URL', 'https://db.example.org');
  const load = await loaderOfEnvironment();
  expect(load({ src: 'b/a.png', width: 64 })).toBe('https://db.example.org/storage/v1/render/image/public/b/a.png?width=64&quality=75');
});

test('a page without `process` has a loader, too', async () => {
  vi.stubGlobal('process', undefined);
  const load = await loaderOfEnvironment();
  vi.unstubAllGlobals();
  expect(load({ src: 'b/a.png', width: 64 })).toBe('/storage/v1/render/image/public/b/a.png?width=64&quality=75');
});
