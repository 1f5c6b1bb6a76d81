import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JudgedPdu } from '../auth/check-auth-events.ts';
import { EventFormatError } from '../events/errors.ts';
import { parsePdu } from '../events/pdu.ts';
import { parseTransaction, TransactionError } from '../events/transaction.ts';
import { canonicalJson } from '../json/canonical.ts';
import { JsonError } from '../json/errors.ts';
import { decodeUtf8, parseJson } from '../json/parse.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/value.ts';
import { ROOM_VERSIONS, RULES } from '../room-versions/rules.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { stateKeyOf, type StateKey } from '../state/state-key.ts';
import { TestRoom } from '../testing/event-factory.ts';
import { mutate, path, replacement } from '../testing/mutate-json.ts';
import { runs } from '../testing/properties.ts';
import type { ReceiptPorts } from './ports.ts';
import { receivePdu } from './receive-pdu.ts';

/** Runs something on hostile input: it may succeed or throw one of our own errors, nothing else. */
function namedErrorsOnly<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    const named =
      error instanceof JsonError || error instanceof EventFormatError || error instanceof TransactionError;
    if (!named) throw error;
    return undefined;
  }
}

/** JSON made of the characters that parsers trip over. */
const almostJson = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        '"',
        '\\',
        '"a":',
        '{"pdus":[',
        '-',
        '0',
        '1e5',
        '-0',
        '1.5',
        '\\u',
      ),
      fc.constantFrom('\\ud800', '\\"', 'true', 'null', ' ', '\n', '"__proto__":', '99999999999999999999'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

describe('bytes from anywhere', () => {
  it('parse, or fail with a named error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }),
          almostJson.map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const value = namedErrorsOnly(() => parseJson(decodeUtf8(bytes)));
          if (value === undefined) return;
          // What parses means what the platform's parser says, and survives canonical encoding.
          namedErrorsOnly(() => parseJson(canonicalJson(value, 'lenient')));
          if (isJsonObject(value))
            for (const version of ROOM_VERSIONS) namedErrorsOnly(() => parsePdu(RULES[version], value));
        },
      ),
      runs(3000),
    );
  });

  it('are taken by our parser exactly when JSON.parse takes them, but for what we refuse by name', () => {
    fc.assert(
      fc.property(almostJson, (text) => {
        let theirs: unknown;
        let valid = true;
        try {
          theirs = JSON.parse(text);
        } catch {
          valid = false;
        }
        try {
          const ours = parseJson(text);
          expect(valid).toBe(true);
          expect(JSON.parse(JSON.stringify(ours))).toEqual(theirs);
        } catch (error) {
          if (!(error instanceof JsonError)) throw error;
          if (valid) expect(['duplicate_key', 'lone_surrogate', 'too_deep']).toContain(error.code);
          else expect(['syntax', 'too_deep']).toContain(error.code);
        }
      }),
      runs(5000),
    );
  });

  it('as transactions: never a crash', () => {
    fc.assert(
      fc.property(almostJson, (inner) => {
        namedErrorsOnly(() => parseTransaction(inner));
        namedErrorsOnly(() =>
          parseTransaction(`{"origin":"a.example","origin_server_ts":1,"pdus":[${inner}]}`),
        );
      }),
      runs(2000),
    );
  });
});

/** What of an event must not change unnoticed: all but `unsigned` and the signatures of others. */
function covered(json: JsonObject): string {
  const rest = Object.fromEntries(
    Object.entries(json).filter(([key]) => key !== 'unsigned' && key !== 'signatures'),
  );
  const signatures = json.signatures;
  const own = isJsonObject(signatures) ? signatures['b.example'] : undefined;
  return JSON.stringify([canonicalJson(rest, 'lenient'), isJsonObject(own) ? own['ed25519:test'] : own]);
}

describe.each(ROOM_VERSIONS)('mutated valid events of room version %s', (version) => {
  const room = new TestRoom({ version });
  room.join('@bob:b.example');
  const valid = [
    room.build({
      type: 'm.room.message',
      sender: '@bob:b.example',
      content: { body: 'hi', nested: { a: [1, 'b'] } },
    }),
    room.build({
      type: 'm.room.member',
      stateKey: '@bob:b.example',
      sender: '@bob:b.example',
      content: { membership: 'leave', reason: 'r' },
    }),
  ];
  const state = room.currentState();
  const lookup = (type: string, key: string) => {
    const id: EventId | undefined = state.get(stateKeyOf(type, key) satisfies StateKey);
    return id === undefined ? undefined : room.get(id);
  };
  const judged = new Map<EventId, JudgedPdu>(
    [...room.events].map(([id, pdu]) => [id, { pdu, rejected: false }]),
  );
  const ports: ReceiptPorts = {
    keys: { fetch: async () => undefined, lookup: room.keys, lookupAnyTime: room.keys },
    authEvents: { load: async () => judged },
    states: { before: async () => lookup, current: async () => lookup },
  };

  it('are never accepted as they are, and never crash anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...valid), path, replacement, async (event, way, put) => {
        const mutated = mutate(event.json, way, put);
        if (!isJsonObject(mutated)) return;
        const receipt = await receivePdu(room.version, mutated, ports);
        let touched = true;
        try {
          touched = covered(mutated) !== covered(event.json);
        } catch {
          // Not even canonical JSON: touched.
        }
        if (receipt.outcome === 'redact') expect(receipt.pdu.eventId).toBe(event.eventId);
        if (receipt.outcome === 'accept') expect(touched).toBe(false);
      }),
      runs(400),
    );
  });

  it('with one character of hash or signature changed are dropped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...valid),
        fc.nat(85),
        fc.nat(62),
        fc.boolean(),
        async (event, at, by, hash) => {
          const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
          const flip = (text: string) => {
            const index = at % text.length;
            const moved = alphabet[(alphabet.indexOf(text[index] ?? 'A') + 1 + by) % 64] ?? 'A';
            return text.slice(0, index) + moved + text.slice(index + 1);
          };
          const change = (value: JsonValue): JsonValue => {
            if (typeof value === 'string') return flip(value);
            if (!isJsonObject(value)) return value;
            return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
          };
          const field = hash ? 'hashes' : 'signatures';
          const receipt = await receivePdu(
            room.version,
            { ...event.json, [field]: change(event.json[field] ?? null) },
            ports,
          );
          expect(receipt.outcome).toBe('drop');
        },
      ),
      runs(150),
    );
  });
});
