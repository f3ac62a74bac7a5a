// A provider that speaks the Images API, answers as a test says, and takes the time that it says.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { resolve } from 'node:path';

const FOX = readFileSync(resolve(import.meta.dirname, '../../../../fixtures/photos/avatar-fox.png'));

/** What the API answers with this picture. */
export const painted = (picture = FOX) => ({ status: 200, body: { created: 1, data: [{ b64_json: picture.toString('base64') }] } });

/** What it answers where it refuses. */
export const refused = (status, code, message, headers = {}) => ({ status, headers, body: { error: { code, message, type: 'error' } } });

/**
 * Starts one. Answers {url, asked, delay, answer, variables, hold(), release(), stop()}: `asked` are the bodies in order;
 * `delay` (in milliseconds) and `answer` may be set at any time; `variables` are those of a tintype that asks it. What is
 * asked after `hold` is answered after `release`: a test that wants to see a job under way names no time.
 */
export async function startProvider({ delay = 0, answer = painted() } = {}) {
  const provider = { asked: [], delay, answer, held: null, release: () => {} };
  const server = createServer(async (request, response) => {
    const pieces = await request.toArray();
    provider.asked.push(JSON.parse(Buffer.concat(pieces).toString() || '{}'));
    const { status, headers, body } = provider.answer;
    await provider.held;
    const timer = setTimeout(() => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    }, provider.delay);
    response.on('close', () => clearTimeout(timer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  provider.url = `http://127.0.0.1:${server.address().port}`;
  provider.variables = {
    TINTYPE_AVATARS__OPENAI__BASE_URL: `${provider.url}/v1`,
    TINTYPE_AVATARS__OPENAI__KEY: 'sk-of-the-tests',
    TINTYPE_AVATARS__MODEL: 'gpt-image-2',
    TINTYPE_AVATARS__RETRY_MS: '10',
  };
  provider.hold = () => {
    provider.held = new Promise((resolve) => {
      provider.release = () => {
        provider.held = null;
        resolve();
      };
    });
  };
  provider.stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return provider;
}
