import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '@nyx/config/schema.ts';
import { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { freePort } from '../../src/services/private-folder.ts';

/** What a server under measurement and the scripted ones around it trust, and where the server is. */
export type Network = {
  readonly authority: TestCertificateAuthority;
  readonly folder: string;
  /** The server's name, `127.0.0.1:port`. */
  readonly name: string;
  readonly config: ConfigInput;
};

/** Certificates and a name for a server that federates over the loopback interface. */
export const createNetwork = async (): Promise<Network> => {
  const folder = mkdtempSync(join(tmpdir(), 'nyx-bench-'));
  const authority = new TestCertificateAuthority();
  const port = await freePort();
  const identity = authority.issue(['127.0.0.1']);
  const [ca, cert, key] = [join(folder, 'ca.pem'), join(folder, 'tls.crt'), join(folder, 'tls.key')];
  writeFileSync(ca, authority.cert);
  writeFileSync(cert, identity.cert);
  writeFileSync(key, identity.key);
  const name = `127.0.0.1:${port}`;
  return {
    authority,
    folder,
    name,
    config: {
      server: {
        name,
        tls: { port, cert, key },
        dataDir: folder,
        bind: ['127.0.0.1'],
        port: 0,
        webClient: { enabled: false },
      },
      federation: { extraCa: ca, allowPrivateAddresses: true },
      rateLimits: { enabled: false },
      registration: { open: true, minPasswordLength: 1 },
    },
  };
};

/** A user of the client API. */
export type BenchUser = {
  ok(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
};

/** Registers a user; every call throws unless it is answered with 200. */
export const registerUser = async (url: string, username: string): Promise<BenchUser> => {
  const call = async (method: string, path: string, body?: unknown, token?: string) => {
    const answer = await fetch(url + path, {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = (await answer.json()) as Record<string, unknown>;
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
  };
  const body = { username, password: 'bench', auth: { type: 'm.login.dummy' } };
  const { access_token: token } = await call('POST', '/_matrix/client/v3/register', body);
  return { ok: (method, path, content) => call(method, path, content, String(token)) };
};
