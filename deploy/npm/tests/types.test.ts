// What apps may write, and what they may not. Checked by tsc (`npm run types`); there is nothing to run.

import { createClient } from '@supabase/supabase-js';
import { expectTypeOf, test } from 'vitest';
import loaderOfEnvironment from '../src/loader.js';
import { createLoader, imageUrl, placeholder, srcSet, type Placeholder } from '../src/index.js';
import { AvatarGenerator, useAvatarGeneration, type AvatarProgress } from '../src/react.js';
import { forward, signUrl, verifyWebhook, type CloudEvent } from '../src/server.js';

/** As `next/image` has them. */
type ImageLoaderProps = { src: string; width: number; quality?: number };
type ImageLoader = (props: ImageLoaderProps) => string;

test('loaders are loaders of next/image', () => {
  expectTypeOf(loaderOfEnvironment).toExtend<ImageLoader>();
  expectTypeOf(createLoader({ base: 'https://images.example.com', dialect: 'native' })).toExtend<ImageLoader>();
  // @ts-expect-error there is no such dialect
  createLoader({ dialect: 'imgix' });
});

test('helpers take what there is', () => {
  expectTypeOf(imageUrl).returns.toBeString();
  expectTypeOf(srcSet).returns.toEqualTypeOf<string | undefined>();
  expectTypeOf(placeholder).returns.resolves.toEqualTypeOf<Placeholder>();
  // @ts-expect-error no such format
  void (() => imageUrl('b/a.png', { format: 'heic' }));
  // @ts-expect-error no such gravity
  void (() => imageUrl('b/a.png', { gravity: 'middle' }));
});

test('the hook is the contract’s', () => {
  type Hook = typeof useAvatarGeneration;
  expectTypeOf<{ userId: string; kinksterId?: string; onComplete: (storageUrl: string) => void; onError: (error: string) => void }>()
    .toExtend<Parameters<Hook>[0]>();
  type Told = ReturnType<Hook>;
  expectTypeOf<Told['generateAvatar']>().toExtend<(characterData: { name: string }, customPrompt?: string) => Promise<void>>();
  expectTypeOf<Told['progress']>().toEqualTypeOf<AvatarProgress | null>();
  expectTypeOf<Told['isGenerating']>().toBeBoolean();
  expectTypeOf<Told['error']>().toEqualTypeOf<string | null>();
  expectTypeOf<Told['cancel']>().returns.resolves.toBeBoolean();
  expectTypeOf<NonNullable<Told['progress']>['status']>().toEqualTypeOf<'generating' | 'downloading' | 'uploading' | 'completed' | 'error'>();
  expectTypeOf<ReturnType<typeof createClient>>().toExtend<NonNullable<Parameters<Hook>[0]['supabase']>>();
  expectTypeOf<Parameters<typeof AvatarGenerator>[0]['children']>().parameter(0).toEqualTypeOf<Told>();
});

test('servers’ helpers speak of requests and answers', () => {
  expectTypeOf(signUrl).returns.resolves.toBeString();
  expectTypeOf(forward).parameter(0).toEqualTypeOf<Request>();
  expectTypeOf(forward).returns.resolves.toEqualTypeOf<Response>();
  expectTypeOf(verifyWebhook).returns.resolves.toEqualTypeOf<CloudEvent>();
});
