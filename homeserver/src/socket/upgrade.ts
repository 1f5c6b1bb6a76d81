import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { ClientAddress } from '../http/client-address.ts';
import { BEARER } from '../http/middleware/authenticate.ts';
import type { ConnectionDeps } from './connection.ts';
import { SocketConnection } from './connection.ts';
import { MAX_FRAME_BYTES, SOCKET_PATH, SUBPROTOCOL } from './limits.ts';

/** What the HTTP servers need to know of the socket. */
export interface SocketEndpoint {
  /** Whether this request is for the socket; others that want to upgrade are answered as if they did not. */
  wants(request: IncomingMessage): boolean;
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void;
  /** Says goodbye to everybody. */
  close(): Promise<void>;
}

type Refusal = { readonly status: number; readonly errcode: string; readonly error: string };

const FULL: Refusal = { status: 503, errcode: 'M_UNKNOWN', error: 'No room for another connection' };
const TOO_MANY: Refusal = {
  status: 429,
  errcode: 'M_LIMIT_EXCEEDED',
  error: 'Too many connections from this address that have not said who they are',
};
const OTHER_PROTOCOL: Refusal = {
  status: 400,
  errcode: 'M_INVALID_PARAM',
  error: `The subprotocol here is ${SUBPROTOCOL}`,
};
const RETRY_SECONDS = 5;

const refuse = (stream: Duplex, { status, errcode, error }: Refusal): void => {
  const body = JSON.stringify({ errcode, error });
  stream.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      ...(status === 400 ? [] : [`retry-after: ${RETRY_SECONDS}`]),
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
};

const offers = (request: IncomingMessage): readonly string[] =>
  (request.headers['sec-websocket-protocol'] ?? '').split(',').flatMap((name) => {
    const trimmed = name.trim();
    return trimmed === '' ? [] : [trimmed];
  });

/** Takes upgrades to the socket. */
export const createSocketEndpoint = (deps: ConnectionDeps, clientAddress: ClientAddress): SocketEndpoint => {
  const { hub } = deps;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME_BYTES,
    // Compression with memory for each connection costs more than it saves; encrypted content does not shrink.
    perMessageDeflate: false,
    handleProtocols: (names) => (names.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return {
    wants: (request) =>
      request.headers.upgrade?.toLowerCase() === 'websocket' &&
      (request.url ?? '').split('?', 1)[0] === SOCKET_PATH,
    upgrade: (request, stream, head) => {
      stream.on('error', () => stream.destroy());
      const forwarded = request.headers['x-forwarded-for'];
      const address = clientAddress(
        request.socket.remoteAddress,
        Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      );
      const admission = hub.admits(address);
      const offered = offers(request);
      if (admission === 'full') refuse(stream, FULL);
      else if (admission === 'too_many') refuse(stream, TOO_MANY);
      else if (offered.length > 0 && !offered.includes(SUBPROTOCOL)) refuse(stream, OTHER_PROTOCOL);
      else {
        server.handleUpgrade(request, stream, head, (socket) => {
          const { authorization } = request.headers;
          const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
          // What is left of the request must not keep the token.
          delete request.headers.authorization;
          new SocketConnection(socket, request, address, deps).start(token);
        });
      }
    },
    close: () => hub.close(),
  };
};
