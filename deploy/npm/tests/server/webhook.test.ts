// What the real server posts, the package believes.

import { afterEach, expect, test } from 'vitest';
import { verifyWebhook, type CloudEvent } from '../../src/server.js';
import { scripted, type Scripted } from '../support/http.js';
import { startTintype, upload, type Server } from '../support/tintype.js';

const SECRET = 'whsec_cmVwbGFjZS10aGlzLXdpdGgteW91ci1vd24tc2VjcmV0';
const OTHER = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

let receiver: Scripted;
let server: Server;
afterEach(async () => {
  await server?.stop();
  await receiver?.stop();
});

test('a webhook of the server is verified, and by no other secret', async () => {
  const come = new Promise<{ event: CloudEvent; id: unknown; foreign: unknown }>((resolve, reject) => {
    const starting = scripted(async (request, response, body) => {
      response.writeHead(204).end();
      const message = { headers: request.headers, body };
      const foreign = await verifyWebhook(message, { secret: OTHER }).catch((fault: unknown) => fault);
      verifyWebhook(message, { secret: [OTHER, SECRET] }).then((event) => resolve({ event, id: request.headers['webhook-id'], foreign }), reject);
    });
    void starting.then((started) => { receiver = started; });
  });
  while (!receiver) await new Promise((resolve) => { setTimeout(resolve, 5); });
  server = await startTintype({ TINTYPE_WEBHOOKS__APP__URL: `${receiver.url}/hooks`, TINTYPE_WEBHOOKS__APP__SECRET: SECRET });
  await upload(server, 'kinkster-avatars/ann/cat.png');
  const { event, id, foreign } = await come;
  expect(event).toMatchObject({ id, type: 'tintype.object.created', subject: 'ann/cat.png', data: { bucket: 'kinkster-avatars', name: 'ann/cat.png', mime_type: 'image/png' } });
  expect(foreign).toMatchObject({ reason: 'mismatch' });
});
