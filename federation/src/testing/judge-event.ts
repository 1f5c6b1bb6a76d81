import { hasValidContentHash, referenceHash } from '../events/hash.ts';
import { parsePdu } from '../events/pdu.ts';
import { parseJsonObject } from '../json/parse.ts';
import { redactEvent } from '../json/redact.ts';
import type { JsonObject } from '../json/value.ts';
import { withoutKeys } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { VerifyKey } from '../signing/keys.ts';
import { verifyEventSignatures } from '../signing/verify-event.ts';

/** What a receiver makes of a single event, before the rules of its room. */
export type EventVerdict =
  | { readonly verdict: 'drop'; readonly reason: string }
  | {
      /** `redact`: the content hash does not fit. */
      readonly verdict: 'ok' | 'redact';
      readonly eventId: string;
      readonly referenceHash: string;
      readonly redacted: JsonObject;
    };

/** Public keys in Base64 by server and key id. */
export type KeyTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Format, signatures and content hash of an event's JSON text. */
export function judgeEvent(rules: RoomVersionRules, text: string, keys: KeyTable): EventVerdict {
  try {
    const json = parseJsonObject(text);
    const pdu = parsePdu(rules, json);
    const signatures = verifyEventSignatures(rules, json, (server, keyId) => {
      const key = keys[server]?.[keyId];
      return key === undefined ? undefined : VerifyKey.fromBase64(key);
    });
    if (!signatures.ok) return { verdict: 'drop', reason: 'signature' };
    return {
      verdict: hasValidContentHash(rules, json) ? 'ok' : 'redact',
      eventId: pdu.eventId,
      referenceHash: referenceHash(rules, json),
      redacted: withoutKeys(redactEvent(rules, json), new Set(['unsigned'])),
    };
  } catch (error) {
    return { verdict: 'drop', reason: error instanceof Error ? error.message : 'unknown' };
  }
}
