import { hash } from 'node:crypto';
import { canonicalJson, canonicalJsonOnly, canonicalJsonWithout } from '../json/canonical.ts';
import { decodeBase64 } from '../json/base64.ts';
import { redactedContent } from '../json/redact.ts';
import { ownObject, ownString, ownValue, type JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';

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

/** Bytes of an event as canonical JSON with everything in it: what the 64 KiB limit counts. */
export function eventSize(rules: RoomVersionRules, event: JsonObject): number {
  return Buffer.byteLength(canonicalJson(event, rules.numbers));
}

/** {@link eventSize} for callers that have {@link contentHashInput} at hand: only what that leaves out is encoded. */
export function eventSizeFrom(rules: RoomVersionRules, event: JsonObject, hashed: string): number {
  let size = Buffer.byteLength(hashed);
  for (const key of OUTSIDE_CONTENT_HASH) {
    const value = ownValue(event, key);
    // Quotes, colon and comma around key and value.
    if (value !== undefined) size += Buffer.byteLength(canonicalJson(value, rules.numbers)) + key.length + 4;
  }
  return size;
}
