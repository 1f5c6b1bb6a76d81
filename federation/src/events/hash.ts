import { hash } from 'node:crypto';
import {
  canonicalJson,
  canonicalJsonOnly,
  canonicalJsonWithout,
  canonicalMembers,
  joinMembers,
} from '../json/canonical.ts';
import { decodeBase64 } from '../json/base64.ts';
import { redactedContent } from '../json/redact.ts';
import { ownObject, ownString, type JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';

/** Bytes of UTF-8 that a UTF-16 unit takes at most. */
const MAX_BYTES_PER_UNIT = 3;
const OUTSIDE_CONTENT_HASH: ReadonlySet<string> = new Set(['unsigned', 'signatures', 'hashes']);

/** The text that the content hash covers (spec: Server-Server API, Calculating the content hash for an event). */
export function contentHashInput(rules: RoomVersionRules, event: JsonObject): string {
  return canonicalJsonWithout(event, OUTSIDE_CONTENT_HASH, rules.numbers);
}

/** The content hash of an event in unpadded Base64. */
export function contentHash(rules: RoomVersionRules, event: JsonObject): string {
  return sha256Base64(contentHashInput(rules, event));
}

/**
 * The text that both the signatures and the reference hash cover: the redacted event without `signatures` and
 * `unsigned` (spec: Server-Server API, Signing Events).
 */
export function signedInput(rules: RoomVersionRules, event: JsonObject): string {
  return canonicalJsonOnly(
    event,
    rules.redaction.signed,
    'content',
    redactedContent(rules, event),
    rules.numbers,
  );
}

/** The reference hash of an event as unpadded Base64 (spec: Server-Server API, Calculating the reference hash). */
export function referenceHash(rules: RoomVersionRules, event: JsonObject): string {
  return sha256Base64(signedInput(rules, event));
}

/** Whether `hashes.sha256` is the content hash, compared after decoding, so padding does not matter. */
export function hasValidContentHash(rules: RoomVersionRules, event: JsonObject): boolean {
  return claimsContentHash(event, contentHash(rules, event));
}

/** Whether `hashes.sha256` of an event equals a hash in unpadded Base64. */
export function claimsContentHash(event: JsonObject, expected: string): boolean {
  const hashes = ownObject(event, 'hashes');
  const claimed = hashes && ownString(hashes, 'sha256');
  if (claimed === undefined) return false;
  if (claimed === expected) return true;
  const bytes = decodeBase64(claimed);
  return bytes !== undefined && Buffer.from(bytes).equals(Buffer.from(expected, 'base64'));
}

/** SHA-256 of a text's UTF-8 in unpadded Base64. */
export function sha256Base64(text: string): string {
  return hash('sha256', text, 'base64').slice(0, 43);
}

/** SHA-256 of a text's UTF-8 in unpadded URL-safe Base64. */
export function sha256Base64Url(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** SHA-1 of a text's UTF-8 in hexadecimal: orders events in version 1 of state resolution, and protects nothing. */
export function sha1Hex(text: string): string {
  return hash('sha1', text, 'hex');
}

/** Bytes of an event as canonical JSON with everything in it: what the 64 KiB limit counts. */
export function eventSize(rules: RoomVersionRules, event: JsonObject): number {
  return Buffer.byteLength(canonicalJson(event, rules.numbers));
}

/** The texts that come of an event, made in one go. */
export type EncodedEvent = {
  /** What the content hash covers. */
  readonly hashed: string;
  /** What signatures and the reference hash cover. */
  readonly signed: string;
  /** Whether the whole event takes more than a number of bytes. */
  readonly isLargerThan: (bytes: number) => boolean;
};

/**
 * Encodes an event once for all that is made of it. Throws `JsonError` for numbers that its room version forbids; in
 * `unsigned`, which nothing covers, any will do.
 */
export function encodeEvent(rules: RoomVersionRules, event: JsonObject): EncodedEvent {
  const members = canonicalMembers(event, (key) => (key === 'unsigned' ? 'lenient' : rules.numbers));
  const hashed: string[] = [];
  const signed: string[] = [];
  let length = 2;
  for (const { key, text } of members) {
    length += text.length + 1;
    if (!OUTSIDE_CONTENT_HASH.has(key)) hashed.push(text);
    if (key === 'content')
      signed.push('"content":' + canonicalJson(redactedContent(rules, event), rules.numbers));
    else if (rules.redaction.signed.has(key)) signed.push(text);
  }
  return {
    hashed: joinMembers(hashed),
    signed: joinMembers(signed),
    isLargerThan: (bytes) => {
      // A UTF-16 unit takes at most three bytes: most events need no counting.
      if (length * MAX_BYTES_PER_UNIT <= bytes) return false;
      return Buffer.byteLength(joinMembers(members.map(({ text }) => text))) > bytes;
    },
  };
}
