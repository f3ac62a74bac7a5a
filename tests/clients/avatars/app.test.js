// The whole walk of the character app, unmodified, on both versions of the realtime protocol: it joins first, then
// invokes, hears every state, and shows what was stored through its image loader.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import {
  appOf, assertWellTold, BUCKET, closeApps, FUNCTION, heardOf, invoke, join, kinksterTopic, PRIVATE, refusalOf, STATUSES,
  statuses, subscribe, userTopic,
} from '../support/avatars.js';
import { bytes, ok, pngSize, shown } from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

let server;

/** In front of a Supabase, whose topics keep no last state, and whose rows are there before anyone asks for a picture. */
const inFront = process.env.TINTYPE_TEST_BEHIND !== undefined;

before(async () => {
  server = await startTintype({
    TINTYPE_AVATARS__PROVIDER: 'painter',
    TINTYPE_AVATARS__PER_DAY: '100000',
    // However slow the machine: the end is told when the first views are there.
    TINTYPE_EVENTS__WARM_WAIT_MS: '60000',
  });
});
afterEach(closeApps);
after(() => server?.stop());

async function newKinkster(app, user, name = 'Rook') {
  return ok(await app.from('kinksters').insert({ user_id: user.id, name }).select().single());
}

/** The app's image loader: a public object URL at a width. */
function loader({ src, width, quality }) {
  const url = new URL(src);
  url.pathname = url.pathname.replace('/storage/v1/object/public/', '/storage/v1/render/image/public/');
  url.search = new URLSearchParams({ width, quality });
  return url.href;
}

for (const vsn of ['1.0.0', '2.0.0']) {
  const named = (what) => `${vsn}: ${what}`;

  test(named('an app hears every state of its avatar in order, finds it stored and shows it'), async () => {
    const user = await newUser();
    const app = appOf(server.url, user, { vsn });
    const kinkster = await newKinkster(app, user);
    const { heard } = await join(app, kinksterTopic(kinkster.id));
    const props = { clothing: { top: ['red coat'] }, background: { type: 'solid', color: 'blue' } };
    const accepted = await invoke(app, user, { kinkster_id: kinkster.id, props, custom_prompt: 'at dawn' });
    assert.deepEqual([accepted.status, accepted.kinkster_id], ['processing', kinkster.id]);
    assert.ok(['red coat', 'blue', 'at dawn'].every((words) => accepted.prompt.includes(words)), accepted.prompt);
    assert.deepEqual(Object.keys(accepted.generation_config).sort(), ['model', 'quality', 'size']);

    const told = await heardOf(heard, accepted.job_id);
    assert.deepEqual(statuses(told), STATUSES);
    assertWellTold(told);
    const { storage_url: url, storage_path: path } = told.at(-1);
    assert.match(path, new RegExp(`^${user.id}/kinksters/avatar_\\d+_${kinkster.id}\\.png$`));

    const storage = app.storage.from(BUCKET);
    assert.equal(url, storage.getPublicUrl(path).data.publicUrl);
    const listed = ok(await storage.list(`${user.id}/kinksters`));
    assert.deepEqual(listed.map(({ name }) => name), [path.split('/').at(-1)]);
    assert.deepEqual(pngSize(await bytes(ok(await storage.download(path)))), [1024, 1024]);
    for (const width of [64, 96, 128, 256, 384, 640]) {
      const view = await shown(loader({ src: url, width, quality: 75 }), { accept: 'image/webp' });
      assert.equal(view.headers.get('content-type'), 'image/webp');
      assert.match(view.headers.get('cache-status'), /hit/, `the first view at ${width}`);
    }
    const { publicUrl } = storage.getPublicUrl(path, { transform: { width: 200 } }).data;
    assert.deepEqual(pngSize((await shown(publicUrl, { accept: 'image/png' })).body), [200, 200]);

    const row = ok(await app.from('kinksters').select('id,avatar_url,avatar_prompt,avatar_generation_config').eq('id', kinkster.id).single());
    assert.deepEqual(row, {
      id: kinkster.id,
      avatar_url: url,
      avatar_prompt: accepted.prompt,
      avatar_generation_config: accepted.generation_config,
    });
    const renamed = ok(await app.from('kinksters').update({ name: 'Raven' }).eq('id', kinkster.id).select('name').single());
    assert.deepEqual(renamed, { name: 'Raven' });
  });

  test(named('before there is a character, the user’s own topic tells'), async () => {
    const user = await newUser();
    const app = appOf(server.url, user, { vsn });
    const { heard } = await join(app, userTopic(user));
    const { job_id: job, kinkster_id: none } = await invoke(app, user);
    assert.equal(none, undefined);
    const told = await heardOf(heard, job);
    assert.deepEqual(statuses(told), STATUSES);
    // Stored with the row later.
    const saved = ok(await app.from('kinksters').insert({ user_id: user.id, name: 'Rook', avatar_url: told.at(-1).storage_url }).select().single());
    assert.equal(saved.avatar_url, told.at(-1).storage_url);
  });

  if (!inFront) test(named('who joins late hears the end at once, unless it is known to have been heard'), async () => {
    const user = await newUser();
    const early = await join(appOf(server.url, user, { vsn }), userTopic(user));
    const app = appOf(server.url, user, { vsn });
    const end = (await heardOf(early.heard, (await invoke(app, user)).job_id)).at(-1);
    // The first page has not been heard since: the end may have been lost on its way there.
    const late = await join(appOf(server.url, user, { vsn }), userTopic(user));
    const first = await late.heard.next('the last state');
    assert.deepEqual(first.payload, end);
    assert.equal(first.meta.replayed, true);
    // It leaves, as pages do when they are done: now whoever joins waits for another job.
    await early.channel.unsubscribe();
    const next = await join(app, userTopic(user));
    assert.ok(await next.heard.isQuiet());
    const { job_id: job } = await invoke(app, user);
    const told = await heardOf(next.heard);
    assert.ok(told.every(({ job_id: of }) => of === job), 'the first end that is heard is the new job’s');
    assert.deepEqual(statuses(told), STATUSES);
  });

  test(named('nobody hears of another user’s avatars'), async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const [anns, bobs] = [appOf(server.url, ann, { vsn }), appOf(server.url, bob, { vsn })];
    const kinkster = await newKinkster(anns, ann);
    for (const topic of [userTopic(ann), kinksterTopic(kinkster.id)]) {
      const { first, heard } = await subscribe(bobs, topic, PRIVATE);
      assert.equal(first.status, 'CHANNEL_ERROR', topic);
      assert.match(first.error.message, /^Unauthorized: You do not have permissions to read from this Channel topic/);
      const { heard: own } = await join(anns, topic);
      const { job_id: job } = await invoke(anns, ann, topic === userTopic(ann) ? {} : { kinkster_id: kinkster.id });
      assert.equal((await heardOf(own, job)).at(-1).status, 'completed');
      assert.ok(await heard.isQuiet());
    }
    // A public channel of the same name hears nothing either.
    const open = await subscribe(appOf(server.url, bob, { vsn }), kinksterTopic(kinkster.id), {});
    const { heard } = await join(appOf(server.url, ann, { vsn }), kinksterTopic(kinkster.id));
    await heardOf(heard, (await invoke(anns, ann, { kinkster_id: kinkster.id })).job_id);
    assert.ok(await open.heard.isQuiet());
  });

  if (!inFront) test(named('a topic that was nobody’s is its owner’s alone from the first event on'), async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const id = randomUUID();
    const [anns, bobs] = [appOf(server.url, ann, { vsn }), appOf(server.url, bob, { vsn })];
    const [own, foreign] = [await join(anns, kinksterTopic(id)), await join(bobs, kinksterTopic(id))];
    const { job_id: job } = await invoke(anns, ann, { kinkster_id: id });
    assert.deepEqual(statuses(await heardOf(own.heard, job)), STATUSES);
    assert.ok(await foreign.heard.isQuiet());
    assert.notEqual((await foreign.states.next('the end of the join')).status, 'SUBSCRIBED');
  });
}

if (inFront) {
  test('a character that the project does not know gets no avatar', async () => {
    const user = await newUser();
    const refused = appOf(server.url, user).functions.invoke(FUNCTION, {
      body: { user_id: user.id, kinkster_id: randomUUID(), character_data: { name: 'Rook' } },
    });
    assert.equal((await refusalOf(refused)).status, 403);
  });
}

test('many users at once hear each their own, whole and in order', async () => {
  const count = process.env.TINTYPE_FULL ? 60 : 6;
  await Promise.all(Array.from({ length: count }, async (_, number) => {
    const user = await newUser();
    const app = appOf(server.url, user, { vsn: number % 2 ? '1.0.0' : '2.0.0' });
    const { heard } = await join(app, userTopic(user));
    const { job_id: job } = await invoke(app, user, { character_data: { name: `Number ${number}` } });
    const told = await heardOf(heard);
    assert.deepEqual(statuses(told), STATUSES);
    assertWellTold(told);
    assert.equal(told[0].job_id, job);
    assert.ok(told.at(-1).storage_path.startsWith(`${user.id}/`));
  }));
});
