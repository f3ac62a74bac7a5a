// @vitest-environment jsdom

import { createClient } from '@supabase/supabase-js';
import { act, StrictMode, type ReactNode } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AvatarGenerator, AvatarProvider, useAvatarGeneration, type AvatarOptions, type UseAvatarGeneration } from '../src/react.js';
import { json } from './support/http.js';
import { eventually, JOB, KINKSTER, studio, told, URL_OF_AVATAR, USER, type Studio } from './support/avatars.js';

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

let server: Studio;
let root: Root | undefined;
let page: HTMLElement;
let now: UseAvatarGeneration;
beforeEach(async () => {
  server = await studio();
  page = document.body.appendChild(document.createElement('main'));
});
afterEach(async () => {
  await act(async () => root?.unmount());
  page.remove();
  await server.stop();
});

/** The sheet of an app, with the hook as the app has it. */
function Sheet(options: AvatarOptions) {
  now = useAvatarGeneration(options);
  return <p>{now.isGenerating ? `${now.progress?.status ?? 'begins'}` : now.error ?? now.storageUrl ?? 'idle'}</p>;
}

const token = () => 'token';
const within = (child: ReactNode) => <AvatarProvider base={server.url} accessToken={token}>{child}</AvatarProvider>;

async function show(element: ReactNode) {
  root ??= createRoot(page);
  await act(async () => root!.render(element));
}
afterEach(() => { root = undefined; });

/** React hears of the world outside only within `act`. */
async function shows(text: string) {
  while (page.textContent !== text) await act(() => new Promise<void>((resolve) => { setTimeout(resolve, 5); }));
}

test('a page shows what the contract’s hook tells', async () => {
  const ends: string[] = [];
  await show(within(<Sheet userId={USER} kinksterId={KINKSTER} onComplete={(url) => ends.push(url)} onError={(error) => ends.push(error)} />));
  expect(page.textContent).toBe('idle');
  await act(async () => now.generateAvatar({ name: 'Rook' }, 'at dawn'));
  expect([page.textContent, now.jobId, server.orders[0]!.body['custom_prompt']]).toEqual(['begins', JOB, 'at dawn']);
  server.tell(told('generating', 1));
  await shows('generating');
  server.tell(told('completed', 4));
  await shows(URL_OF_AVATAR);
  expect(ends).toEqual([URL_OF_AVATAR]);
});

test('the callbacks of the last rendering are called', async () => {
  const ends: string[] = [];
  await show(within(<Sheet userId={USER} onError={() => ends.push('first')} />));
  await act(async () => now.generateAvatar({ name: 'Rook' }));
  await show(within(<Sheet userId={USER} onError={(error) => ends.push(error)} />));
  server.tell(told('error', 2));
  await shows('The provider refused');
  expect(ends).toEqual(['The provider refused']);
});

test('the functions stay the same from rendering to rendering', async () => {
  await show(within(<Sheet userId={USER} />));
  const { generateAvatar, cancel, regenerate } = now;
  await show(within(<Sheet userId={USER} onComplete={() => {}} />));
  expect([now.generateAvatar, now.cancel, now.regenerate]).toEqual([generateAvatar, cancel, regenerate]);
  expect(now.generateAvatar).toBe(generateAvatar);
});

test('another character begins with nothing of the first', async () => {
  await show(within(<Sheet userId={USER} kinksterId={KINKSTER} />));
  await act(async () => now.generateAvatar({ name: 'Rook' }));
  server.tell(told('generating', 1));
  await shows('generating');
  await show(within(<Sheet userId={USER} kinksterId="0a1b2c3d-0000-4000-8000-000000000002" />));
  await shows('idle');
  await eventually(() => server.streams.size === 0);
});

test('a page that is left ends its stream and not the job', async () => {
  await show(within(<Sheet userId={USER} />));
  await act(async () => now.generateAvatar({ name: 'Rook' }));
  await act(async () => root!.unmount());
  await eventually(() => server.streams.size === 0);
  expect(server.asked.filter((line) => line.includes('cancel'))).toEqual([]);
});

test('a running job is taken up, in strict mode too', async () => {
  server.row = told('uploading', 3, { user_id: USER, kinkster_id: null });
  await show(<StrictMode>{within(<Sheet userId={USER} />)}</StrictMode>);
  await shows('uploading');
  await act(() => eventually(() => server.streams.size === 1));
  server.tell(told('completed', 4));
  await shows(URL_OF_AVATAR);
});

test('a refusal is text that a page can show', async () => {
  server.order = (response) => json(response, 401, { error: 'Unauthorized' });
  await show(within(<Sheet userId={USER} />));
  await act(async () => now.generateAvatar({ name: 'Rook' }));
  expect([page.textContent, now.fault?.status]).toEqual(['Unauthorized', 401]);
});

test('the component gives the same to whoever draws', async () => {
  await show(within(
    <AvatarGenerator userId={USER}>
      {({ isGenerating, generateAvatar, cancel }) => isGenerating
        ? <button id="cancel" onClick={() => void cancel()}>cancel</button>
        : <button id="generate" onClick={() => void generateAvatar({ name: 'Rook' })}>generate</button>}
    </AvatarGenerator>,
  ));
  const press = (id: string) => act(async () => { document.getElementById(id)!.click(); });
  await press('generate');
  await shows('cancel');
  await act(() => eventually(() => server.orders.length === 1));
  await press('cancel');
  await shows('generate');
});

test('a server renders what is idle, and the browser agrees', async () => {
  const element = within(<Sheet userId={USER} resume={false} />);
  page.innerHTML = renderToString(element);
  expect(page.textContent).toBe('idle');
  const faults: unknown[] = [];
  await act(async () => { root = hydrateRoot(page, element, { onRecoverableError: (fault) => faults.push(fault) }); });
  expect(faults).toEqual([]);
});

test('the app’s own client of Supabase is taken as it is', () => {
  const supabase = createClient('http://127.0.0.1:9', 'key', { accessToken: async () => 'token' });
  expect(<AvatarProvider supabase={supabase} />).toBeTruthy();
});
