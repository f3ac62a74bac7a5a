// Where tintype answers. Next compiles it into the pages, so the tests cannot choose a port after the build: this name
// stands for the picture host of a real site (https://img.example.com), and Chromium is told what it resolves to.
export const PICTURES = 'http://pictures.test';

// The default loader asks `{path}?url=…&w=…&q=…`. `path` may be absolute, and Next uses it as it is; nothing else has
// to change. A site that wants pictures from its own origin leaves `path` alone and has the proxy before Next send
// `/_next/image` to tintype.
export const imagesByDefaultLoader = { path: `${PICTURES}/_next/image` };

export const imagesByOwnLoader = { loader: 'custom', loaderFile: './image-loader.js' };
