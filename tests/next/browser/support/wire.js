// A wire to a server, which a test can cut and mend.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Starts one to the server at `url`, on this port or a free one. Answers {url, cut(), mend(), stop()}: cut, nothing passes and nothing connects. */
export async function startWire(url, listen = 0) {
  const { hostname: host, port } = new URL(url);
  const sockets = new Set();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), host);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.listen(listen, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    whole = false;
    sockets.forEach((socket) => socket.destroy());
  };
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut,
    mend: () => { whole = true; },
    stop: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
