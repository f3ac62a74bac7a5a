import { imagesByDefaultLoader, imagesByOwnLoader } from './images.config.js';

// One app, built twice (see package.json): the loader is compiled in, so each build has its own folder.
const byOwnLoader = process.env.LOADER === 'own';

export default {
  distDir: byOwnLoader ? '.next-own' : '.next-default',
  images: byOwnLoader ? imagesByOwnLoader : imagesByDefaultLoader,
  // Lock files further up are the project's, not this app's.
  turbopack: { root: import.meta.dirname },
};
