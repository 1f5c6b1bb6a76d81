import type { JsonObject, JsonValue } from '../json/value.ts';
import { ownObject } from '../json/value.ts';

/** A way to spoil a signed event. */
export type EventMutation = {
  readonly name: string;
  /** The JSON text of the spoilt event. */
  readonly apply: (event: JsonObject, server: string) => string;
};

const plain =
  (change: (event: JsonObject, server: string) => JsonObject): EventMutation['apply'] =>
  (event, server) =>
    JSON.stringify(change(event, server));
const set = (key: string, value: JsonValue) => plain((event) => ({ ...event, [key]: value }));
const without = (key: string) =>
  plain((event) => Object.fromEntries(Object.entries(event).filter(([name]) => name !== key)));
/** Puts a number into the content as it is written. */
const literal =
  (text: string): EventMutation['apply'] =>
  (event) =>
    JSON.stringify({ ...event, content: { ...ownObject(event, 'content'), n: '@@' } }).replace('"@@"', text);

function withSignature(event: JsonObject, server: string, change: (text: string) => JsonValue): JsonObject {
  const signatures = ownObject(event, 'signatures') ?? {};
  const own = Object.entries(ownObject(signatures, server) ?? {});
  const changed = own.map(([keyId, text]) => [keyId, change(typeof text === 'string' ? text : '')]);
  return { ...event, signatures: { ...signatures, [server]: Object.fromEntries(changed) as JsonObject } };
}

/** What happens to events on the way: by accident, by moderation, or by malice. */
export const EVENT_MUTATIONS: readonly EventMutation[] = [
  {
    name: 'content changed',
    apply: plain((event) => ({ ...event, content: { ...ownObject(event, 'content'), body: 'other' } })),
  },
  { name: 'content emptied', apply: set('content', {}) },
  { name: 'unknown key added', apply: set('org.example.new', 1) },
  { name: 'unsigned changed', apply: set('unsigned', { age: 99 }) },
  { name: 'content hash changed', apply: set('hashes', { sha256: 'A'.repeat(43) }) },
  { name: 'hashes missing', apply: without('hashes') },
  { name: 'sender changed', apply: plain((event, server) => ({ ...event, sender: `@other:${server}` })) },
  { name: 'sender of another server', apply: set('sender', '@user:other.org') },
  { name: 'type changed', apply: set('type', 'm.room.other') },
  { name: 'depth changed', apply: plain((event) => ({ ...event, depth: Number(event.depth) + 1 })) },
  { name: 'depth negative', apply: set('depth', -1) },
  { name: 'depth a text', apply: set('depth', '5') },
  { name: 'timestamp changed', apply: set('origin_server_ts', 1) },
  { name: 'previous events changed', apply: set('prev_events', []) },
  { name: 'state key added', apply: set('state_key', 'other') },
  { name: 'type missing', apply: without('type') },
  { name: 'sender missing', apply: without('sender') },
  { name: 'signatures missing', apply: set('signatures', {}) },
  {
    name: 'signature cut short',
    apply: plain((event, server) => withSignature(event, server, (text) => text.slice(0, 40))),
  },
  {
    name: 'signature changed',
    apply: plain((event, server) =>
      withSignature(event, server, (text) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)),
    ),
  },
  {
    name: 'signature under an unknown key',
    apply: plain((event, server) => {
      const signatures = ownObject(event, 'signatures') ?? {};
      const [text = ''] = Object.values(ownObject(signatures, server) ?? {});
      return { ...event, signatures: { [server]: { 'ed25519:unknown': text } } };
    }),
  },
  { name: 'a fraction', apply: literal('1.5') },
  { name: 'an exponent', apply: literal('1e3') },
  { name: 'beyond 2^53', apply: literal('9007199254740993') },
  {
    name: 'over 65,536 bytes',
    apply: plain((event) => ({
      ...event,
      content: { ...ownObject(event, 'content'), body: 'x'.repeat(66_000) },
    })),
  },
  { name: 'a type of 300 bytes', apply: set('type', 't'.repeat(300)) },
];
