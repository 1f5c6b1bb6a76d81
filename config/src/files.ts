import type { KeyObject } from 'node:crypto';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Problem } from './problems.ts';
import type { Tree } from './tree.ts';
import { getAt } from './tree.ts';

/** How configuration sees the disk. */
export type Files = {
  /** Reads a text file; throws an error with a `code` such as `ENOENT` when it cannot. */
  readonly readFile: (path: string) => string;
  /** What is at a path; undefined when nothing is. `program`: a file that this user may run. */
  readonly kindOf: (path: string) => FileKind | undefined;
};

export type FileKind = 'file' | 'program' | 'folder' | 'other';

/** Why a file cannot be read, in words. */
export const unreadable = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'no such file';
  if (code === 'ENOTDIR') return 'no such file';
  if (code === 'EACCES') return 'not readable by this user';
  if (code === 'EISDIR') return 'a folder, not a file';
  return code === '' ? String(error) : code;
};

type Check = (path: string, value: string) => Problem[];

const READABLE = 'name a file that this user can read';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** Certificates of a PEM file. @throws Error when there is none, or one is malformed */
const certificatesIn = (pem: string): X509Certificate[] => {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error('no certificate');
  return blocks.map((block) => new X509Certificate(block));
};

const readPem = <T>(
  { readFile }: Files,
  path: string,
  file: string,
  parse: (pem: string) => T,
  wrong: (error: unknown) => Omit<Problem, 'path'>,
): { readonly value?: T; readonly text?: string; readonly problems: Problem[] } => {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    return { problems: [{ path, message: unreadable(error), fix: READABLE }] };
  }
  try {
    return { value: parse(text), text, problems: [] };
  } catch (error) {
    return { problems: [{ path, ...wrong(error) }] };
  }
};

const readCertificates = (files: Files, path: string, file: string) =>
  readPem(files, path, file, certificatesIn, () => ({
    message: 'holds no certificate that can be read, or a damaged one',
    fix: 'name a file with certificates in PEM (-----BEGIN CERTIFICATE-----)',
  }));

const readKey = (files: Files, path: string, file: string) =>
  readPem(files, path, file, createPrivateKey, (error) =>
    codeOf(error) === 'ERR_MISSING_PASSPHRASE' || codeOf(error).includes('INTERRUPTED_OR_CANCELLED')
      ? {
          message: 'encrypted with a passphrase',
          fix: 'name a file with the key in clear that only this user can read',
        }
      : {
          message: 'holds no private key that can be read',
          fix: 'name a file with the private key in PEM (-----BEGIN PRIVATE KEY-----)',
        },
  );

const pairProblems = (
  [leaf]: readonly X509Certificate[],
  key: KeyObject,
  pem: { readonly cert: string; readonly key: string },
): Problem[] => {
  if (leaf?.checkPrivateKey(key) !== true) {
    return [
      {
        path: 'server.tls.key',
        message: 'not the key of the first certificate in server.tls.cert',
        fix: 'name the key that belongs to the certificate; the certificate of this server comes first in its file',
      },
    ];
  }
  try {
    createSecureContext(pem);
    return [];
  } catch (error) {
    const message = `not accepted by TLS (${codeOf(error)})`;
    return [{ path: 'server.tls.cert', message, fix: 'use a certificate with a stronger key or signature' }];
  }
};

const tlsProblems = (files: Files, certFile: string | undefined, keyFile: string | undefined): Problem[] => {
  const cert = certFile === undefined ? undefined : readCertificates(files, 'server.tls.cert', certFile);
  const key = keyFile === undefined ? undefined : readKey(files, 'server.tls.key', keyFile);
  const pair =
    cert?.value !== undefined && key?.value !== undefined
      ? pairProblems(cert.value, key.value, { cert: cert.text ?? '', key: key.text ?? '' })
      : [];
  return [...(cert?.problems ?? []), ...(key?.problems ?? []), ...pair];
};

const folder =
  ({ kindOf }: Files): Check =>
  (path, value) => {
    const kind = kindOf(value);
    return kind === undefined || kind === 'folder'
      ? []
      : [{ path, message: 'not a folder', fix: 'name a folder; one that is not there yet is made' }];
  };

const program =
  ({ kindOf }: Files): Check =>
  (path, value) => {
    const kind = kindOf(value);
    if (kind === 'program') return [];
    const message = kind === undefined ? 'no such file' : 'not a program that this user may run';
    return [{ path, message, fix: 'name a program, or remove it: then Nyx looks for one' }];
  };

const builtClient =
  ({ kindOf }: Files): Check =>
  (path, value) =>
    kindOf(`${value}/index.html`) === undefined
      ? [
          {
            path,
            message: 'holds no built client (no index.html)',
            fix: 'name the folder that a build of the client has written, or remove it for the one of this version',
          },
        ]
      : [];

/**
 * What the settings that name files promise and the disk does not hold: certificates and keys that can be read and
 * belong together, folders that are folders, programs that can be run. Looks at what was written, so that it reports
 * also while other settings are wrong.
 */
export const fileProblems = (tree: Tree, files: Files): Problem[] => {
  const named = (path: string): string | undefined => {
    const value = getAt(tree, path.split('.'));
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const checked = (path: string, check: Check): Problem[] => {
    const value = named(path);
    return value === undefined ? [] : check(path, value);
  };
  const unless = (path: string, problems: Problem[]): Problem[] =>
    named(path) === undefined && named(`${path}File`) === undefined ? problems : [];
  return [
    ...tlsProblems(files, named('server.tls.cert'), named('server.tls.key')),
    ...checked('federation.extraCa', (path, file) => readCertificates(files, path, file).problems),
    ...checked('server.dataDir', folder(files)),
    ...checked('media.path', folder(files)),
    ...checked('server.webClient.path', builtClient(files)),
    // Looked for only where the service is not somebody else's.
    ...unless('database.uri', checked('database.binary', program(files))),
    ...unless('redis.uri', checked('redis.binary', program(files))),
  ];
};
