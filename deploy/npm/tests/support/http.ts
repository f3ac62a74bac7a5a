// A server that answers as a test says.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Scripted {
  url: string;
  /** `METHOD /path?query` of everything that was asked. */
  asked: string[];
  stop(): Promise<void>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => unknown;

export async function scripted(answer: Answer): Promise<Scripted> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    let body = '';
    for await (const part of request) body += part;
    try {
      await answer(request, response, body);
    } catch (fault) {
      response.destroy(fault as Error);
    }
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const stop = () => new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}`, asked, stop };
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
