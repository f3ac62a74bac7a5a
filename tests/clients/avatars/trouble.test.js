// What an app is told when it may not, cannot or must wait; and what it hears when its connection or the provider fails.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { painted, refused, startProvider } from '../../next/browser/support/provider.js';
import { startWire } from '../../next/browser/support/wire.js';
import {
  appOf, assertWellTold, BUCKET, closeApps, FUNCTION, heardOf, invoke, join, refusalOf, STATUSES, statuses,
  userTopic,
} from '../support/avatars.js';
import { ok } from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

afterEach(closeApps);

const character = { name: 'Rook' };

describe('with a provider that does as it is told', () => {
  let provider;
  let server;

  before(async () => {
    provider = await startProvider();
    server = await startTintype(provider.variables);
  });
  after(async () => {
    await server?.stop();
    await provider?.stop();
  });
  afterEach(() => {
    provider.release();
    Object.assign(provider, { delay: 0, answer: painted() });
  });

  for (const vsn of ['1.0.0', '2.0.0']) {
    test(`${vsn}: a client that was cut off in the middle of a job finds back and hears the end`, async () => {
      provider.hold();
      const user = await newUser();
      const wire = await startWire(server.url);
      const app = appOf(wire.url, user, { vsn });
      const { heard, states } = await join(app, userTopic(user));
      const { job_id: job } = await invoke(app, user);
      assert.equal((await heard.next('the first state')).payload.status, 'generating');
      wire.cut();
      assert.equal((await states.next('the end of the connection')).status, 'CHANNEL_ERROR');
      provider.release();
      wire.mend();
      const told = await heardOf(heard, job);
      assert.equal(told.at(-1).status, 'completed');
      assertWellTold(told.filter(({ seq }, at) => at === 0 || seq > told[at - 1].seq));
      await closeApps();
      await wire.stop();
    });
  }

  test('who closes the tab finds the result', async () => {
    provider.delay = 500;
    const user = await newUser();
    const app = appOf(server.url, user);
    const { job_id: job } = await invoke(app, user);
    await closeApps();
    const { heard } = await join(appOf(server.url, user), userTopic(user));
    assert.equal((await heardOf(heard, job)).at(-1).status, 'completed');
  });

  const failures = {
    'a refused description': refused(400, 'moderation_blocked', 'words of the provider'),
    'a wrong key': refused(401, 'invalid_api_key', 'Incorrect API key provided: sk-of-the-tests'),
    'a provider that is down': refused(503, 'server_error', 'words of the provider'),
    'a page instead of an answer': { status: 200, body: '<html>words of the provider</html>' },
    'a page instead of a picture': painted(Buffer.from('<html>words of the provider</html>')),
    'half a picture': { status: 200, body: { data: [{ b64_json: painted().body.data[0].b64_json.slice(0, 4000) }] } },
    'a picture at an internal address': { status: 200, body: { data: [{ url: 'http://169.254.169.254/words' }] } },
  };
  for (const [what, answer] of Object.entries(failures)) {
    test(`${what} is told in words, and nothing is stored`, async () => {
      provider.answer = answer;
      const user = await newUser();
      const app = appOf(server.url, user);
      const { heard } = await join(app, userTopic(user));
      const { job_id: job } = await invoke(app, user);
      const told = await heardOf(heard, job);
      assertWellTold(told);
      const { status, error } = told.at(-1);
      assert.equal(status, 'error');
      assert.match(error, /^[A-Z].{15,}/);
      assert.doesNotMatch(error, /words of|sk-of|169\.254|[{}<>]/);
      assert.deepEqual(ok(await app.storage.from(BUCKET).list(`${user.id}/kinksters`)), []);
    });
  }

  test('refusals come as functions-js tells them', async () => {
    const before = provider.asked.length;
    const [ann, bob] = [await newUser(), await newUser()];
    const [anns, bobs] = [appOf(server.url, ann), appOf(server.url, bob)];
    const kinkster = ok(await anns.from('kinksters').insert({ user_id: ann.id, name: 'Rook' }).select().single());
    const rows = [
      [appOf(server.url), { user_id: ann.id, character_data: character }, 401, 'Unauthorized'],
      [bobs, { user_id: ann.id, character_data: character }, 403],
      [bobs, { user_id: bob.id, kinkster_id: kinkster.id, character_data: character }, 403],
      [anns, {}, 400, 'user_id is required'],
      [anns, { user_id: ann.id }, 400, 'character_data is required'],
      [anns, { user_id: ann.id, character_data: {} }, 400, 'character_data.name is required'],
      [anns, { user_id: ann.id, character_data: character, preset: 'none' }, 400, 'Failed to build prompt'],
    ];
    for (const [app, body, status, error] of rows) {
      const refusal = await refusalOf(app.functions.invoke(FUNCTION, { body }));
      assert.equal(refusal.status, status, JSON.stringify(refusal.body));
      if (error) assert.equal(refusal.body.error, error);
      assert.equal(typeof refusal.body.error, 'string');
    }
    const broken = await refusalOf(anns.functions.invoke(FUNCTION, { body: '{', headers: { 'content-type': 'application/json' } }));
    assert.deepEqual([broken.status, broken.body.error], [400, 'Invalid JSON payload']);
    // Rows of others are as good as none.
    assert.deepEqual(ok(await bobs.from('kinksters').select().eq('id', kinkster.id)), []);
    assert.deepEqual(ok(await bobs.from('kinksters').update({ name: 'Mine' }).eq('id', kinkster.id).select()), []);
    assert.equal((await bobs.from('kinksters').insert({ user_id: ann.id, name: 'Rook' })).error.code, '42501');
    assert.equal(provider.asked.length, before, 'nothing was spent');
  });
});

test('a quota is told with its wait', async () => {
  const server = await startTintype({ TINTYPE_AVATARS__PROVIDER: 'painter', TINTYPE_AVATARS__PER_USER_PER_MINUTE: '1' });
  const user = await newUser();
  const app = appOf(server.url, user);
  const { heard } = await join(app, userTopic(user));
  const { job_id: job } = await invoke(app, user);
  const refusal = await refusalOf(app.functions.invoke(FUNCTION, { body: { user_id: user.id, character_data: character } }));
  assert.deepEqual([refusal.status, refusal.body.error], [429, 'Rate limit exceeded. Please try again later.']);
  const wait = Number(refusal.headers.get('retry-after'));
  assert.ok(wait >= 1 && wait <= 60, `${wait}`);
  assert.deepEqual(statuses(await heardOf(heard, job)), STATUSES);
  assert.ok(await heard.isQuiet(), 'a refused request is no job');
  await closeApps();
  await server.stop();
});

test('without a key the app is told so in the old words', async () => {
  const server = await startTintype();
  const user = await newUser();
  const app = appOf(server.url, user);
  const refusal = await refusalOf(app.functions.invoke(FUNCTION, { body: { user_id: user.id, character_data: character } }));
  assert.deepEqual([refusal.status, refusal.body.error], [500, 'OpenAI API key not configured']);
  await server.stop();
});
