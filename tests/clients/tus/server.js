// The real binary on a data folder that outlives it, so that a test can kill it and start it again at the same address.

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SECRET = 'a-secret-for-tests-of-at-least-32-bytes';
const LISTENING = /listening on (http:\/\/[^\s/]+)/;

/** A token signed by the tests' secret. */
export function token(claims) {
  const encoded = [{ alg: 'HS256', typ: 'JWT' }, { exp: 4_000_000_000, ...claims }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${encoded}.${createHmac('sha256', SECRET).update(encoded).digest('base64url')}`;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export class Server {
  static async start() {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), 'tintype-tus-'));
    server.listen = `127.0.0.1:${await freePort()}`;
    process.once('exit', () => server.child?.kill('SIGKILL'));
    await server.run();
    return server;
  }

  async run() {
    const binary = process.env.TINTYPE_BIN;
    if (!binary) throw new Error('TINTYPE_BIN names no tintype binary. deploy/test builds one and sets it.');
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('TINTYPE_'));
    this.child = spawn(resolve(binary), ['serve', '--listen', this.listen, '--data', join(this.folder, 'data')], {
      env: { ...Object.fromEntries(clean), TINTYPE_JWT_SECRET: SECRET, TINTYPE_LOG__LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.ended = once(this.child, 'exit');
    let printed = '';
    for await (const text of this.child.stdout.iterator({ destroyOnReturn: false })) {
      printed += text;
      const match = printed.match(LISTENING);
      if (match) {
        [, this.url] = match;
        this.child.stdout.resume();
        return;
      }
    }
    throw new Error(`tintype did not start: ${printed}`);
  }

  /** As `kill -9`. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Files of uploads that are not finished. */
  unfinished() {
    const storage = join(this.folder, 'data/storage');
    return ['uploads', 'incoming'].map((name) => join(storage, name)).filter(existsSync).flatMap((name) => readdirSync(name));
  }

  async api(method, path, key, body) {
    const answer = await fetch(`${this.url}/storage/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}
