import { isKeyId, keyAlgorithm, type KeyId } from '../spec/identifiers/key-id.ts';
import { isServerName, type ServerName } from '../spec/identifiers/server-name.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Signer, VerifyKey } from './keys.ts';

/** What a request's signature covers, besides its origin. */
export type SignedRequest = {
  readonly method: string;
  /** Path and query exactly as they go over the wire. */
  readonly uri: string;
  readonly destination: string;
  /** The body in canonical JSON; undefined for a request without one. */
  readonly content: string | undefined;
};

/** The fields of an `Authorization: X-Matrix` header. */
export type XMatrixHeader = {
  readonly origin: ServerName;
  /** Servers older than v1.3 leave it out. */
  readonly destination: string | undefined;
  readonly keyId: KeyId;
  readonly signature: string;
};

/** Why a header was not taken. */
export type XMatrixProblem =
  | 'missing'
  /** Another authentication scheme. */
  | 'other_scheme'
  | 'malformed'
  /** Not ed25519. */
  | 'unknown_algorithm'
  /** Meant for another server: a replay, or a misrouted request. */
  | 'wrong_destination'
  /** The origin claims to be this server. */
  | 'own_name';

/** Longest header looked at; names have at most 261 bytes, signatures 88. */
const MAX_HEADER = 2048;
const TOKEN = /[^\s,"=]/;
const quote = (value: string) => value.replace(/["\\]/g, '\\$&');

/**
 * The text that the signature of a request covers (Server-Server API, Request Authentication): canonical JSON, put
 * together around the body, which is canonical already.
 */
export function requestSignedInput(origin: string, request: SignedRequest): string {
  const content = request.content === undefined ? '' : `"content":${request.content},`;
  const { destination, method, uri } = request;
  return `{${content}${canonicalJson({ destination, method, origin, uri }).slice(1)}`;
}

/** The value of the Authorization header for a request of ours. */
export function buildXMatrix(signer: Signer, request: SignedRequest): string {
  const signature = signer.key.sign(requestSignedInput(signer.server, request));
  return `X-Matrix origin="${quote(signer.server)}",destination="${quote(request.destination)}",key="${signer.key.keyId}",sig="${signature}"`;
}

/**
 * Reads an Authorization header. Values may be quoted or bare, names and the scheme in any case, blanks anywhere
 * around separators; unknown parameters are skipped (spec: as above; RFC 9110, 11.4).
 *
 * @param self our own name: the header must be for us, and not from us
 */
export function parseXMatrix(header: string | undefined, self: string): XMatrixHeader | XMatrixProblem {
  if (header === undefined || header === '') return 'missing';
  if (header.length > MAX_HEADER) return 'malformed';
  const scheme = /^\s*([^\s]+)(?:\s+|$)/.exec(header);
  if (scheme?.[1]?.toLowerCase() !== 'x-matrix') return 'other_scheme';
  const parameters = parseParameters(header.slice(scheme[0].length));
  if (parameters === undefined) return 'malformed';
  const origin = parameters.get('origin');
  const keyId = parameters.get('key');
  const signature = parameters.get('sig');
  const destination = parameters.get('destination');
  if (!isServerName(origin) || !isKeyId(keyId) || signature === undefined) return 'malformed';
  if (keyAlgorithm(keyId) !== 'ed25519') return 'unknown_algorithm';
  if (destination !== undefined && destination !== self) return 'wrong_destination';
  if (origin === self) return 'own_name';
  return { origin, destination, keyId, signature };
}

/** Comma-separated `name=value` pairs; undefined where the syntax is broken or a name repeats. */
function parseParameters(text: string): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  let at = 0;
  const skip = (pattern: RegExp) => {
    while (at < text.length && pattern.test(text.charAt(at))) at++;
  };
  for (;;) {
    skip(/[\s,]/);
    if (at >= text.length) return parameters;
    const nameStart = at;
    skip(TOKEN);
    const name = text.slice(nameStart, at).toLowerCase();
    skip(/\s/);
    if (name === '' || text.charAt(at) !== '=') return undefined;
    at++;
    skip(/\s/);
    const value = text.charAt(at) === '"' ? quoted(text, at) : bare(text, at);
    if (value === undefined || parameters.has(name)) return undefined;
    parameters.set(name, value.text);
    at = value.end;
    skip(/\s/);
    if (at < text.length && text.charAt(at) !== ',') return undefined;
  }
}

type Value = { readonly text: string; readonly end: number };

function quoted(text: string, start: number): Value | undefined {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') return { text: value, end: at + 1 };
    if (char === '\\') at++;
    value += text.charAt(at);
  }
  return undefined;
}

/** Bare values in the wild hold colons, slashes and Base64 padding, which tokens of RFC 9110 may not. */
function bare(text: string, start: number): Value | undefined {
  let end = start;
  while (end < text.length && !/[\s,"]/.test(text.charAt(end))) end++;
  return end === start ? undefined : { text: text.slice(start, end), end };
}

/**
 * Whether a request bears its header's signature.
 *
 * @param request with our own name as destination
 */
export function verifyXMatrix(header: XMatrixHeader, request: SignedRequest, key: VerifyKey): boolean {
  if (key.verify(requestSignedInput(header.origin, request), header.signature)) return true;
  if (header.destination !== undefined) return false;
  // A server that does not name the destination in the header may not sign it either (before v1.3 both were common).
  return key.verify(requestWithoutDestination(header.origin, request), header.signature);
}

function requestWithoutDestination(origin: string, request: SignedRequest): string {
  const content = request.content === undefined ? '' : `"content":${request.content},`;
  const { method, uri } = request;
  return `{${content}${canonicalJson({ method, origin, uri }).slice(1)}`;
}
