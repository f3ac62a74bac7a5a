// Starts tintype and, in front of it, the app: built as for production, or with --dev as it is written.
//   PORT            of the app (default 3000)
//   TINTYPE_LISTEN  address of tintype (default 127.0.0.1:8787)
//   TINTYPE_BIN     the binary (default: where deploy/example/setup built it, else the PATH's)
//   OPENAI_API_KEY  then a model paints, and costs; without it the painter that is built in does
// Every other TINTYPE_ variable is tintype's own.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const repository = resolve(here, '../..');
const { PORT = '3000', TINTYPE_LISTEN: listen = '127.0.0.1:8787' } = process.env;
const isDevelopment = process.argv.includes('--dev');

const running = new Set();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => end(0));

readKeys();
// What pages are built with, whatever the file says.
process.env.NEXT_PUBLIC_SUPABASE_URL = `http://${listen.replace(/^(0\.0\.0\.0|\[::\])?:/, '127.0.0.1:')}`;
process.env.NEXT_TELEMETRY_DISABLED = '1';

const next = createRequire(import.meta.url).resolve('next/dist/bin/next');
if (!isDevelopment) {
  const { status } = spawnSync(process.execPath, [next, 'build'], { cwd: here, stdio: 'inherit' });
  if (status !== 0) fail('next build failed.');
}
start('tintype', binary(), ['serve', '--listen', listen], {
  TINTYPE_DATA: join(here, 'tintype-data'),
  TINTYPE_JWT_SECRET: process.env.SUPABASE_JWT_SECRET,
  ...(process.env.OPENAI_API_KEY ? {} : { TINTYPE_AVATARS__PROVIDER: 'painter' }),
});
// Only for this machine: its route handler signs in whoever asks.
start('Next.js', process.execPath, [next, isDevelopment ? 'dev' : 'start', '--hostname', '127.0.0.1', '--port', PORT]);

/** What setup wrote; what is given in the environment wins. */
function readKeys() {
  const file = join(here, '.env.local');
  if (!existsSync(file)) fail('There is no .env.local. Run deploy/example/setup first.');
  for (const [, name, value] of readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm)) process.env[name] ??= value;
}

function binary() {
  if (process.env.TINTYPE_BIN) return resolve(process.env.TINTYPE_BIN);
  try {
    const told = execFileSync('cargo', ['metadata', '--no-deps', '--locked', '--format-version', '1'], { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return join(JSON.parse(told).target_directory, 'quick/tintype');
  } catch {
    return 'tintype';
  }
}

/** What is given in the environment wins over `defaults`. */
function start(name, command, args, defaults = {}) {
  // It is no key of tintype's configuration.
  const { TINTYPE_BIN: _, ...given } = process.env;
  const child = spawn(command, args, { cwd: here, env: { ...defaults, ...given }, stdio: 'inherit' });
  running.add(child);
  child.once('error', ({ message }) => fail(`${name} did not start: ${message}. Run deploy/example/setup first.`));
  child.once('exit', (code, signal) => {
    running.delete(child);
    console.error(`${name} ended with ${code ?? signal}.`);
    end(code || 1);
  });
}

/** Ends both, each in its own time. */
function end(code) {
  process.exitCode ??= code;
  running.forEach((child) => child.kill('SIGTERM'));
}

function fail(reason) {
  console.error(reason);
  end(1);
  if (!running.size) process.exit(1);
}
