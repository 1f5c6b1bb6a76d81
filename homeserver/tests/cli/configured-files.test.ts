import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@nyx/config/problems.ts';
import { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configurationFor } from '../../src/cli/configuration.ts';

const authority = new TestCertificateAuthority();
const identity = authority.issue(['localhost']);
const other = authority.issue(['localhost']);

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-files-'));
  const encrypted = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;
  const content = {
    'ca.pem': authority.cert,
    'chain.pem': identity.cert + authority.cert,
    'reversed.pem': authority.cert + identity.cert,
    'cut.pem': identity.cert.replace(/[A-Za-z0-9+/=]{40}\n-----END/, '\n-----END'),
    'key.pem': identity.key,
    'other.pem': other.key,
    'encrypted.pem': encrypted,
    'text.pem': 'not PEM at all',
    program: '#!/bin/sh\n',
  };
  for (const [name, text] of Object.entries(content)) await writeFile(at(name), text);
  await chmod(at('program'), 0o700);
  await mkdir(at('client'));
  await writeFile(at('client/index.html'), '<!doctype html>');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The mistakes of a configuration file, as `path: message`. */
const mistakes = async (config: object): Promise<string[]> => {
  const file = at(`${crypto.randomUUID()}.yaml`);
  await writeFile(file, JSON.stringify(config));
  try {
    configurationFor({ config: file });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
};

const tls = (cert: string, key: string) =>
  mistakes({ server: { tls: { port: 1, cert: at(cert), key: at(key) } } });

describe('the files of the TLS listener', () => {
  it('may be a chain and its key', async () => {
    expect(await tls('chain.pem', 'key.pem')).toEqual([]);
  });

  it.each([
    ['absent.pem', 'key.pem', 'server.tls.cert: no such file'],
    ['chain.pem', 'absent.pem', 'server.tls.key: no such file'],
    ['client', 'key.pem', 'server.tls.cert: a folder, not a file'],
    ['text.pem', 'key.pem', 'server.tls.cert: holds no certificate that can be read, or a damaged one'],
    ['cut.pem', 'key.pem', 'server.tls.cert: holds no certificate that can be read, or a damaged one'],
    ['key.pem', 'key.pem', 'server.tls.cert: holds no certificate that can be read, or a damaged one'],
    ['chain.pem', 'text.pem', 'server.tls.key: holds no private key that can be read'],
    ['chain.pem', 'chain.pem', 'server.tls.key: holds no private key that can be read'],
    ['chain.pem', 'encrypted.pem', 'server.tls.key: encrypted with a passphrase'],
    ['chain.pem', 'other.pem', 'server.tls.key: not the key of the first certificate in server.tls.cert'],
    ['reversed.pem', 'key.pem', 'server.tls.key: not the key of the first certificate in server.tls.cert'],
  ])('may not be %s with %s', async (cert, key, mistake) => {
    expect(await tls(cert, key)).toEqual([mistake]);
  });

  it('are both reported, besides all else', async () => {
    const config = {
      server: { nme: 1, tls: { port: 1, cert: at('absent.pem'), key: at('text.pem') } },
      federation: { extraCa: at('gone.pem') },
    };
    expect((await mistakes(config)).map((line) => line.split(':')[0])).toEqual([
      'server.tls.cert',
      'server.tls.key',
      'federation.extraCa',
      'server.nme',
    ]);
  });
});

describe('other files', () => {
  it.each([
    ['federation', 'extraCa', 'ca.pem', []],
    ['federation', 'extraCa', 'absent.pem', ['no such file']],
    ['federation', 'extraCa', 'text.pem', ['holds no certificate that can be read, or a damaged one']],
    ['server', 'dataDir', 'absent', []],
    ['server', 'dataDir', 'client', []],
    ['server', 'dataDir', 'text.pem', ['not a folder']],
    ['media', 'path', 'text.pem', ['not a folder']],
    ['server', 'webClient', 'client', []],
    ['server', 'webClient', 'absent', ['holds no built client (no index.html)']],
    ['database', 'binary', 'program', []],
    ['database', 'binary', 'absent', ['no such file']],
    ['database', 'binary', 'text.pem', ['not a program that this user may run']],
    ['redis', 'binary', 'client', ['not a program that this user may run']],
    ['registration', 'sharedSecretFile', 'absent', ['no such file']],
    ['database', 'uriFile', 'absent', ['no such file']],
  ])('%s.%s may be %s: %j', async (section, key, file, expected) => {
    const value = key === 'webClient' ? { path: at(file) } : at(file);
    const path = `${section}.${key}${key === 'webClient' ? '.path' : ''}`;
    expect(await mistakes({ [section]: { [key]: value } })).toEqual(
      expected.map((message) => `${path}: ${message}`),
    );
  });

  it('that nobody will look at may be missing', async () => {
    expect(await mistakes({ database: { uri: 'mongodb://host/', binary: at('absent') } })).toEqual([]);
  });
});
