import { once } from 'node:events';
import { createServer } from 'node:https';
import { request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { parseXMatrix } from '@nyx/federation/signing/x-matrix.ts';
import { parseServerName } from '@nyx/federation/spec/identifiers/server-name.ts';

/** The way to one server: other servers reach it here, and only as long as the test lets them. */
export interface NetworkLink extends AsyncDisposable {
  /** `127.0.0.1:port`, the server's name. */
  readonly name: string;
  /** Where the server listens itself; undefined while it is down. */
  target: string | undefined;
}

/**
 * A network between servers that falls apart: requests of servers that are cut off from each other end in a closed
 * connection, sometimes after the other side has acted on them.
 */
export class FaultyNetwork {
  readonly #authority: TestCertificateAuthority;
  readonly #cut = new Set<string>();
  /** In [0, 1): whether the answer to a request is lost. */
  losesAnswer: () => boolean = () => false;

  constructor(authority: TestCertificateAuthority) {
    this.#authority = authority;
  }

  cut(one: string, other: string): void {
    this.#cut.add(`${one} ${other}`).add(`${other} ${one}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** A terminator of TLS in front of a server that is still to be started. */
  async link(): Promise<NetworkLink> {
    const server = createServer(this.#authority.issue(['127.0.0.1']));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const link = {
      name: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      target: undefined as string | undefined,
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
    server.on('request', (incoming, outgoing) => this.#forward(link, incoming, outgoing));
    return link;
  }

  #forward(link: NetworkLink, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const header = parseXMatrix(incoming.headers.authorization, parseServerName(link.name));
    const origin = typeof header === 'string' ? undefined : header.origin;
    const isCut = origin !== undefined && this.#cut.has(`${origin} ${link.name}`);
    if (link.target === undefined || isCut) {
      incoming.socket.destroy();
      return;
    }
    const { hostname, port } = new URL(link.target);
    const { method, url, headers } = incoming;
    const forwarded = request({ hostname, port, method, path: url, headers }, (answer) => {
      if (origin !== undefined && this.losesAnswer()) {
        answer.resume();
        incoming.socket.destroy();
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => incoming.socket.destroy());
    incoming.pipe(forwarded);
  }
}
