import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a gateway was told, in the keys of the spec. */
// Tests look into it freely; what does not fit fails them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Told = any;

export interface Gateway extends AsyncDisposable {
  /** The address that pushers are given. */
  readonly url: string;
  /** Notifications in the order of their arrival, those that were refused too. */
  readonly told: Told[];
  /** How it answers from now on: with a status, or by rejecting pushkeys. */
  answer: { status?: number; rejected?: readonly string[] };
}

/** A push gateway that listens for real (spec: Push Gateway API). */
export const startGateway = async (): Promise<Gateway> => {
  const told: Told[] = [];
  const gateway: Pick<Gateway, 'answer'> = { answer: {} };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      told.push((JSON.parse(Buffer.concat(chunks).toString()) as { notification: Told }).notification);
      const { status = 200, rejected = [] } = gateway.answer;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ rejected }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(gateway, {
    url: `http://127.0.0.1:${port}/_matrix/push/v1/notify`,
    told,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
};

/** The body of POST pushers/set for a gateway. */
export const pusherFor = (gateway: Gateway, more: Record<string, unknown> = {}) => ({
  kind: 'http',
  app_id: 'chat.example.app',
  pushkey: 'key-of-the-phone',
  app_display_name: 'App',
  device_display_name: 'Phone',
  lang: 'en',
  data: { url: gateway.url, brand: 'x' },
  ...more,
});
