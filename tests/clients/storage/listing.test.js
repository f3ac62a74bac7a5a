// Both versions of the listing.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { asAnyone, asService, assertRefused, fixture, makeBucket, ok, signedIn } from '../support/clients.js';
import { startTintype } from '../support/server.js';
import { newUser } from '../support/tokens.js';

const server = await startTintype();
after(server.stop);
const service = asService(server.url);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const names = (entries) => entries.map((entry) => entry.name);

/** A bucket of these texts, uploaded one after the other. */
async function filled(context, paths) {
  const bucket = await makeBucket(context, service);
  const files = service.from(bucket);
  for (const path of paths) ok(await files.upload(path, path));
  return { bucket, files };
}

const TREE = ['b.txt', 'a.txt', 'album/2025/x.txt', 'album/2026/y.txt', 'album/cover.txt', 'zoo/z.txt'];

test('a folder lists its files and, without ids, its folders', async (context) => {
  const { files } = await filled(context, TREE);
  const top = ok(await files.list());
  assert.deepEqual(names(top), ['a.txt', 'album', 'b.txt', 'zoo']);
  assert.deepEqual(top[1], {
    name: 'album', id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null,
  });
  const { id, updated_at: updated, created_at: created, last_accessed_at: accessed, metadata } = top[0];
  assert.equal(id, ok(await files.info('a.txt')).id);
  for (const time of [updated, created, accessed, metadata.lastModified]) assert.match(time, TIME);
  const { eTag, size, mimetype, cacheControl, contentLength, httpStatusCode } = metadata;
  assert.deepEqual({ size, mimetype, cacheControl, contentLength, httpStatusCode }, {
    size: 5, mimetype: 'text/plain;charset=UTF-8', cacheControl: 'max-age=3600', contentLength: 5, httpStatusCode: 200,
  });
  assert.match(eTag, /^"[^"]+"$/);
  for (const folder of ['album', 'album/', '/album']) {
    assert.deepEqual(names(ok(await files.list(folder))), ['2025', '2026', 'cover.txt'], folder);
  }
  assert.deepEqual(names(ok(await files.list('album/2026'))), ['y.txt']);
  assert.deepEqual(ok(await files.list('alb')), []);
  assert.deepEqual(ok(await files.list('none')), []);
});

test('a listing is searched, sorted and paged', async (context) => {
  const { files } = await filled(context, ['n/one.txt', 'n/two.txt', 'n/three.txt', 'n/Tower/x.txt']);
  const listed = async (options) => names(ok(await files.list('n', options)));
  assert.deepEqual(await listed({ search: 't' }), ['Tower', 'three.txt', 'two.txt']);
  assert.deepEqual(await listed({ search: 'TW' }), ['two.txt']);
  assert.deepEqual(await listed({ search: 'wo' }), []);
  const descending = await listed({ sortBy: { column: 'name', order: 'desc' } });
  assert.deepEqual(descending, ['two.txt', 'three.txt', 'one.txt', 'Tower']);
  assert.deepEqual(await listed({ limit: 2 }), ['Tower', 'one.txt']);
  assert.deepEqual(await listed({ limit: 2, offset: 2 }), ['three.txt', 'two.txt']);
  assert.deepEqual(await listed({ limit: 2, offset: 4 }), []);
  for (const column of ['created_at', 'updated_at', 'last_accessed_at']) {
    assert.deepEqual(await listed({ sortBy: { column } }), ['Tower', 'one.txt', 'two.txt', 'three.txt']);
    const newest = await listed({ sortBy: { column, order: 'desc' } });
    assert.deepEqual(newest.filter((name) => name !== 'Tower'), ['three.txt', 'two.txt', 'one.txt']);
  }
  ok(await files.upload('n/one.txt', 'again', { upsert: true }));
  assert.equal((await listed({ sortBy: { column: 'updated_at', order: 'desc' }, search: 'o' }))[0], 'one.txt');
  const wrong = 'body/sortBy/column must be equal to one of the allowed values';
  assertRefused(await files.list('n', { sortBy: { column: 'size' } }), '400', wrong);
});

test('letters that patterns are made of are only letters', async (context) => {
  const { files } = await filled(context, ["100_x/a.txt", '100ax/b.txt', "it's/c.txt", '*/d.txt']);
  assert.deepEqual(names(ok(await files.list('', { search: '100_' }))), ['100_x']);
  assert.deepEqual(names(ok(await files.list('100_x'))), ['a.txt']);
  assert.deepEqual(names(ok(await files.list("it's"))), ['c.txt']);
  assert.deepEqual(names(ok(await files.list('*'))), ['d.txt']);
  assert.deepEqual(names(ok(await files.list('', { search: '%' }))), []);
});

test('more entries than a page are walked through by offset', async (context) => {
  const all = Array.from({ length: 25 }, (_, index) => `p/${String(index).padStart(3, '0')}.txt`);
  const { files } = await filled(context, all);
  const seen = [];
  for (let offset = 0, page; (page = ok(await files.list('p', { limit: 10, offset }))).length; offset += 10) {
    seen.push(...names(page));
  }
  assert.deepEqual(seen.map((name) => `p/${name}`), all);
});

/** Every page of version 2. */
async function pages(files, options) {
  const walked = [];
  for (let cursor; ;) {
    const page = ok(await files.listV2({ ...options, cursor }));
    walked.push(page);
    assert.equal(page.hasNext, page.nextCursor !== undefined);
    if (!page.hasNext) return walked;
    cursor = page.nextCursor;
  }
}

test('version 2 lists whole keys page by page', async (context) => {
  const { files } = await filled(context, TREE);
  const sorted = TREE.toSorted();
  const [whole] = await pages(files, {});
  assert.deepEqual([names(whole.objects), whole.folders], [sorted, []]);
  const [object] = whole.objects;
  assert.deepEqual([object.name, object.key, object.metadata.size], ['a.txt', 'a.txt', 5]);
  assert.match(object.id, /^[0-9a-f-]{36}$/);
  for (const limit of [1, 2, 5, 6]) {
    const walked = await pages(files, { limit });
    assert.deepEqual(walked.flatMap((page) => names(page.objects)), sorted);
    assert.equal(walked.length, Math.ceil(sorted.length / limit));
    const back = await pages(files, { limit, sortBy: { column: 'name', order: 'desc' } });
    assert.deepEqual(back.flatMap((page) => names(page.objects)), sorted.toReversed());
    for (const column of ['created_at', 'updated_at']) {
      const byTime = await pages(files, { limit, sortBy: { column, order: 'asc' } });
      assert.deepEqual(byTime.flatMap((page) => names(page.objects)), TREE, `${column} by ${limit}`);
    }
  }
  const within = await pages(files, { prefix: 'album/20', limit: 1 });
  assert.deepEqual(within.flatMap((page) => names(page.objects)), ['album/2025/x.txt', 'album/2026/y.txt']);
});

test('version 2 folds what is deeper into folders', async (context) => {
  const { files } = await filled(context, TREE);
  const folded = async (options) => {
    const walked = await pages(files, { with_delimiter: true, ...options });
    return [walked.flatMap((page) => names(page.folders)), walked.flatMap((page) => names(page.objects))];
  };
  for (const limit of [1, 2, 3, 100]) {
    assert.deepEqual(await folded({ limit }), [['album/', 'zoo/'], ['a.txt', 'b.txt']]);
    assert.deepEqual(await folded({ limit, prefix: 'album/' }), [['album/2025/', 'album/2026/'], ['album/cover.txt']]);
    assert.deepEqual(await folded({ limit, prefix: 'a' }), [['album/'], ['a.txt']]);
  }
  assert.deepEqual(await folded({ prefix: 'none/' }), [[], []]);
});

test('cursors and limits that make no sense are refused', async (context) => {
  const { files } = await filled(context, ['a.txt']);
  assertRefused(await files.listV2({ cursor: 'nonsense' }), '400', /cursor/);
  assertRefused(await files.listV2({ limit: 0 }), '400', 'body/limit must be >= 1');
  assertRefused(await files.list('', { limit: 'many' }), '400', 'body/limit must be integer');
  assertRefused(await files.list('', { offset: -1 }), '400', 'body/offset must be >= 0');
});

test('callers list what they may see, and nothing of others', async () => {
  const [ann, bob] = [await newUser(), await newUser()];
  const proofs = service.from('task-proofs');
  const paths = [`${ann.id}/a.png`, `${bob.id}/b.png`];
  const picture = fixture('formats/gray.png');
  for (const path of paths) ok(await proofs.upload(path, picture, { contentType: 'image/png' }));
  const own = signedIn(server.url, ann.token).from('task-proofs');
  assert.deepEqual(names(ok(await own.list())), [ann.id]);
  assert.deepEqual(names(ok(await own.list(ann.id))), ['a.png']);
  assert.deepEqual(ok(await own.list(bob.id)), []);
  assert.deepEqual(names(ok(await own.listV2()).objects), [`${ann.id}/a.png`]);
  assert.deepEqual(names(ok(await own.listV2({ with_delimiter: true })).folders), [`${ann.id}/`]);
  assert.deepEqual(ok(await own.listV2({ prefix: bob.id })).objects, []);
  const anyone = asAnyone(server.url).from('task-proofs');
  assert.deepEqual(ok(await anyone.list()), []);
  assert.deepEqual(ok(await anyone.listV2()).objects, []);
  assert.equal(ok(await proofs.remove(paths)).length, 2);
});
