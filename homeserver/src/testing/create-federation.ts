import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '@nyx/config/schema.ts';
import { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import type { Platform } from '../ports/platform.ts';
import { createTestServer, type TestServer } from './create-test-server.ts';

/** Servers that reach each other over TLS on the loopback interface. */
export interface TestFederation extends AsyncDisposable {
  readonly authority: TestCertificateAuthority;
  /** File with the authority's certificate. */
  readonly caFile: string;
  readonly servers: readonly TestServer[];
  /** Adds a server. */
  add(config?: ConfigInput, platform?: Partial<Platform>): Promise<TestServer>;
}

/** A port that was free a moment ago: a server's name holds its port, so it must be known before it listens. */
export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
};

/** Starts servers named `127.0.0.1:port`, each with a certificate of one test authority that all of them trust. */
export const createFederation = async (count: number): Promise<TestFederation> => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'nyx-federation-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const authority = new TestCertificateAuthority();
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.cert);
  const servers: TestServer[] = [];
  const add = async (config: ConfigInput = {}, platform: Partial<Platform> = {}): Promise<TestServer> => {
    const port = await freePort();
    const identity = authority.issue(['127.0.0.1']);
    const cert = join(folder, `${port}.crt`);
    const key = join(folder, `${port}.key`);
    writeFileSync(cert, identity.cert);
    writeFileSync(key, identity.key);
    const server = await createTestServer({
      platform,
      config: {
        ...config,
        server: { name: `127.0.0.1:${port}`, tls: { port, cert, key }, ...config.server },
        federation: { extraCa: caFile, ...config.federation },
      },
    });
    servers.push(server);
    return server;
  };
  stack.defer(async () => {
    await Promise.all(servers.map((server) => server.close()));
  });
  for (let index = 0; index < count; index++) await add();
  const kept = stack.move();
  return { authority, caFile, servers, add, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};
