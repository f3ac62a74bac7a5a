// What every app of the matrix shows. The name stands for the picture host of a real site: pages are built before the port
// is known, and Chromium is told what it resolves to.

export const PICTURES = 'http://pictures.test';

/** `src` as a row has it, and as a bare bucket and path. */
export const SOURCES = [`${PICTURES}/storage/v1/object/public/photos/coffee-cup.png`, 'photos/eileen-collins.png'];
