import type { NextConfig } from 'next';

const config: NextConfig = {
  images: { loader: 'custom', loaderFile: './image-loader.ts' },
  reactStrictMode: true,
  poweredByHeader: false,
  // Lock files further up are the repository's, not this app's.
  turbopack: { root: import.meta.dirname },
};

export default config;
