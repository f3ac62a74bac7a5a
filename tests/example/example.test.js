// The example app, set up and started by its README's commands, and walked through in Chromium.
//
//   TINTYPE_BIN  the binary; deploy/test builds one and sets it

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from '../next/browser/support/chromium.js';
import { suiteOfHooks } from './hooks.js';
import {
  addCharacter, commands, finished, freePorts, press, setUp, startBoth, visit, whatWentWrong, WINDOWS,
} from './support.js';
import { checkOthers, walk } from './walk.js';

describe('the example', () => {
  let browser;
  let ports;

  before(async () => {
    if (!process.env.TINTYPE_BIN) throw new Error('TINTYPE_BIN names no tintype binary. deploy/test builds one and sets it.');
    assert.equal(commands().length, 3);
    setUp(commands()[0]);
    ports = await freePorts(2);
    browser = await launchChromium();
  });
  after(() => browser?.close());

  // Two windows at a time: they are two users'.
  describe('as its README starts it', { concurrency: 2 }, () => {
    let both;

    before(async () => { both = await startBoth(commands()[1], ports); });
    after(() => both?.stop());

    for (const [at, { name, options }] of WINDOWS.entries()) {
      test(`is walked through: ${name}`, () => walk(browser, both.url, { name, options, user: ['Ann', 'Ben'][at % 2] }));
    }

    test('shows nobody what is another’s', () => checkOthers(browser, both.url));
  });

  test('runs as it is edited, too', async () => {
    const both = await startBoth(commands()[2], ports);
    const { page, problems, close } = await visit(browser, both.url, { user: 'Ann' });
    await addCharacter(page, 'Draft');
    await press(page, 'Generate');
    await finished(page);
    assert.deepEqual(whatWentWrong(problems), []);
    await close();
    await both.stop();
  });

  describe('with a model that takes its time, over a wire that can be cut', () => suiteOfHooks(() => ({ browser, ports })));
});
