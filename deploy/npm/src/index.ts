export { default as loader } from './loader.js';
export { createLoader, type Dialect, type Loader, type LoaderOptions, type LoaderProps } from './urls.js';
export { DEVICE_WIDTHS, imageUrl, srcSet, type Fit, type Gravity, type ImageParameters, type Place, type SourceSetOptions } from './image.js';
export { placeholder, PlaceholderError, type Placeholder, type PlaceholderOptions } from './placeholder.js';
