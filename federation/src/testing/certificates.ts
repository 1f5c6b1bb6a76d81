import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes } from '../http/ip-address.ts';
import { bitString, der, integer, octetString, oid, sequence, set, time, utf8, yes } from './der.ts';

/** A key and a certificate in PEM, as `tls.createServer` takes them. */
export type TlsIdentity = { readonly key: string; readonly cert: string };

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const SUBJECT_ALT_NAME = '2.5.29.17';
const DAY_MS = 24 * 60 * 60 * 1000;

const nameOf = (text: string) => sequence(set(sequence(oid(COMMON_NAME), utf8(text))));

function altNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIP(name) === 0 ? der(0x82, Buffer.from(name)) : der(0x87, addressBytes(name) ?? Buffer.alloc(0)),
  );
  return sequence(oid(SUBJECT_ALT_NAME), octetString(sequence(...entries)));
}

type Template = {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly notBefore: number;
  readonly notAfter: number;
};

/** An X.509 v3 certificate (RFC 5280) in PEM. */
function certificate(template: Template): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    nameOf(template.issuer),
    sequence(time(template.notBefore), time(template.notAfter)),
    nameOf(template.subject),
    template.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...template.extensions)),
  );
  const whole = sequence(body, ECDSA_SHA256, bitString(sign('sha256', body, template.signer)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/**
 * An authority for tests and local demos: makes certificates for any name or address without OpenSSL. Its own
 * certificate goes where the server takes extra authorities.
 */
export class TestCertificateAuthority {
  readonly #name: string;
  readonly #privateKey: KeyObject;
  /** PEM of the authority. */
  readonly cert: string;

  constructor(name = 'Nyx test authority') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#privateKey = privateKey;
    const now = Date.now();
    this.cert = certificate({
      issuer: name,
      subject: name,
      publicKey,
      signer: privateKey,
      extensions: [sequence(oid(BASIC_CONSTRAINTS), yes(), octetString(sequence(yes())))],
      notBefore: now - DAY_MS,
      notAfter: now + 30 * DAY_MS,
    });
  }

  /**
   * A server certificate.
   *
   * @param names host names and IP addresses it is valid for
   * @param lifetimeMs until it expires; negative for one that has expired
   */
  issue(names: readonly string[], lifetimeMs = 30 * DAY_MS): TlsIdentity {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const now = Date.now();
    return {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      cert: certificate({
        issuer: this.#name,
        subject: names[0] ?? 'nobody',
        publicKey,
        signer: this.#privateKey,
        extensions: [altNames(names)],
        notBefore: Math.min(now, now + lifetimeMs) - DAY_MS,
        notAfter: now + lifetimeMs,
      }),
    };
  }
}
