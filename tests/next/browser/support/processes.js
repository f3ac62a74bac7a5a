// Servers of the tests: started with a folder of their own, waited for, and ended whatever happens to the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Milliseconds; a slow machine takes its time. */
const START = 120_000;
const DRAIN = 30_000;

const running = new Set();
const folders = new Set();

/** A process of ours leads a group, so that what it started itself ends with it. */
function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch { /* ended already */ }
}

process.on('exit', () => {
  running.forEach((child) => signal(child, 'SIGKILL'));
  folders.forEach(removeFolder);
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(1));

/** A new folder under the system's temporary one; it goes at the latest when the tests end. */
export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tintype-browser-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  // A server just killed may still be writing: a few tries.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

/** This process's environment without what would configure tintype or Next from outside. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TINTYPE_|NODE_|PORT$)/.test(name)));
}

/** Resolves with the first group of `pattern` in what the process prints. */
function printed(child, pattern, log, patience) {
  return new Promise((resolve, reject) => {
    const failed = (reason) => reject(new Error(`${child.spawnargs.join(' ')}: ${reason}\n${log.join('')}`));
    const timer = setTimeout(() => failed(`did not print ${pattern} within ${patience} ms`), patience);
    const settle = (act) => (value) => {
      clearTimeout(timer);
      act(value);
    };
    child.once('error', settle((fault) => failed(fault.message)));
    child.once('exit', settle((code, name) => failed(`ended with ${code ?? name}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        log.push(text);
        const match = log.join('').match(pattern);
        if (match) settle(resolve)(match[1]);
      });
    }
  });
}

/**
 * Starts a server and waits until it prints where it listens.
 * `listening`: a pattern whose first group is its URL. Answers {url, log(), stop()}; `stop` sends SIGTERM, after DRAIN
 * SIGKILL, and answers the exit code or the signal that ended it. `patience`: milliseconds until it must have printed that.
 */
export async function startServer(command, args, { listening, folder, environment = {}, patience = START }) {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...cleanEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const ended = once(child, 'exit')
    .then(([code, name]) => code ?? name, (fault) => fault.message)
    .finally(() => running.delete(child));
  const log = [];
  const stop = async () => {
    signal(child, 'SIGTERM');
    const timer = setTimeout(() => signal(child, 'SIGKILL'), DRAIN);
    const ending = await ended;
    clearTimeout(timer);
    return ending;
  };
  try {
    return { url: await printed(child, listening, log, patience), log: () => log.join(''), stop };
  } catch (fault) {
    if (child.pid) await stop();
    throw fault;
  }
}
