import { expect, test } from 'vitest';
import { createLoader, imageUrl, srcSet } from '../src/index.js';

const place = { base: 'https://images.example.com' };
const loader = createLoader({ ...place, dialect: 'native' });

test('a URL asks for what is wanted and nothing else', () => {
  expect(imageUrl('photos/cats/a.jpg', {}, place)).toBe('https://images.example.com/image/photos/cats/a.jpg');
  expect(imageUrl('photos/a.jpg', { width: 300, height: 200, fit: 'cover', gravity: 'fp:0.5,0.25', format: 'webp', quality: 60, dpr: 2 }, place))
    .toBe('https://images.example.com/image/photos/a.jpg?w=300&h=200&fit=cover&q=60&f=webp&dpr=2&g=fp%3A0.5%2C0.25');
  expect(imageUrl('photos/a.jpg', { background: '#ff8800', blur: 0, frame: 0, download: true }, place))
    .toBe('https://images.example.com/image/photos/a.jpg?blur=0&bg=ff8800&frame=0&download=');
  expect(imageUrl('photos/a.jpg', { preset: 'card', version: 'v/1', download: 'cat & dog.jpg' }, place))
    .toBe('https://images.example.com/image/photos/a.jpg?preset=card&v=v%2F1&download=cat%20%26%20dog.jpg');
});

test('a public URL is another name of an object', () => {
  const stored = 'https://your-project.supabase.co/storage/v1/object/public/photos/a.jpg?width=9';
  expect(imageUrl(stored, { width: 64 }, place)).toBe('https://images.example.com/image/photos/a.jpg?w=64');
});

test('what names no object is refused', () => {
  for (const src of ['', 'a.jpg', '/logo.png', 'b/../x', 'https://elsewhere.example/b/a.jpg', 'data:image/png;base64,AA']) {
    expect(() => imageUrl(src, {}, place), src).toThrow(TypeError);
  }
});

test('a srcset has each width once, in order', () => {
  expect(srcSet({ src: 'photos/a.jpg', widths: [640, 320, 640], loader }))
    .toBe('https://images.example.com/image/photos/a.jpg?w=320&q=75 320w, https://images.example.com/image/photos/a.jpg?w=640&q=75 640w');
  expect(srcSet({ src: 'photos/a.jpg', loader })?.split(', ')).toHaveLength(8);
});

test('a fixed width has candidates by density', () => {
  expect(srcSet({ src: 'photos/a.jpg', width: 99.6, quality: 50, loader }))
    .toBe('https://images.example.com/image/photos/a.jpg?w=100&q=50 1x, https://images.example.com/image/photos/a.jpg?w=200&q=50 2x');
});

test('a picture of one size has no srcset', () => {
  expect(srcSet({ src: 'https://elsewhere.example/a.png', loader })).toBeUndefined();
  expect(srcSet({ src: 'data:image/png;base64,AA', width: 10, loader })).toBeUndefined();
  expect(srcSet({ src: 'photos/a.jpg', widths: [], loader })).toBeUndefined();
});
