import { PICTURES } from './images.config.js';

const STORED = `${PICTURES}/storage/v1/object/public`;

// Native URLs: `/{bucket}/{object}`, or the public URL under which the object is stored.
export default function tintype({ src, width, quality }) {
  const object = src.startsWith(STORED) ? src.slice(STORED.length) : src;
  return `${PICTURES}/image${object}?w=${width}&q=${quality ?? 75}`;
}
