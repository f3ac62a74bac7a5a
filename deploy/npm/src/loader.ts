// The loader that apps name in `images.loaderFile`; the environment says where tintype answers.

import { environmentBase, environmentSupabase } from './environment.js';
import { createLoader, type Loader } from './urls.js';

export { createLoader } from './urls.js';
export type { Dialect, Loader, LoaderOptions, LoaderProps } from './urls.js';

const project = environmentSupabase();

/** `({src, width, quality}) => string` with Supabase's render URLs at NEXT_PUBLIC_TINTYPE_URL or NEXT_PUBLIC_SUPABASE_URL. */
const loader: Loader = createLoader({
  base: environmentBase(),
  allowed: project ? ['*.supabase.co', project] : ['*.supabase.co'],
});

export default loader;
