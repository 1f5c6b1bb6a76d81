import { describe, expect, it } from 'vitest';
import { TestRoom } from '../testing/event-factory.ts';
import { ROOM_VERSIONS } from '../room-versions/rules.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { parseUserId } from '../spec/identifiers/user-id.ts';
import { buildEvent, draftToJson } from './builder.ts';
import { EventFormatError } from './errors.ts';
import { createEventIdOf, eventIdOf, roomIdOfCreate } from './event-id.ts';
import { contentHashInput, encodeEvent, eventSize, hasValidContentHash, signedInput } from './hash.ts';
import { parsePdu } from './pdu.ts';
import { buildTransaction, parseTransaction } from './transaction.ts';

describe.each(ROOM_VERSIONS)('events built for room version %s', (version) => {
  const room = new TestRoom({ version });
  const message = room.message(room.creator);

  it('read back as they were built', () => {
    for (const event of room.events.values()) {
      expect(parsePdu(room.version, JSON.parse(JSON.stringify(event.json)))).toEqual(event);
      expect(eventIdOf(room.version, event.json)).toBe(event.eventId);
      expect(hasValidContentHash(room.version, event.json)).toBe(true);
    }
  });

  it('have the format of their version', () => {
    const pairs = Number(version) < 3;
    expect('event_id' in message.json).toBe(pairs);
    const [reference] = message.json.prev_events as unknown[];
    if (pairs)
      expect(reference).toEqual([message.prevEvents[0], { sha256: expect.stringMatching(/^[\w+/]{43}$/) }]);
    else expect(reference).toBe(message.prevEvents[0]);
    expect(message.eventId).toMatch(
      pairs ? /^\$\d+:a\.example$/ : Number(version) < 4 ? /^\$[\w+/]{43}$/ : /^\$[\w-]{43}$/,
    );
    expect(message.roomId).toMatch(version === '12' ? /^![\w-]{43}$/ : /^!room:a\.example$/);
    expect('room_id' in room.create.json).toBe(version !== '12');
    const redaction = room.build({
      type: 'm.room.redaction',
      sender: room.creator,
      redacts: message.eventId,
    });
    expect(redaction.redacts).toBe(message.eventId);
    expect('redacts' in redaction.json).toBe(Number(version) < 11);
    expect('redacts' in redaction.content).toBe(Number(version) >= 11);
  });

  it('are measured with everything in them', () => {
    const json = { ...message.json, unsigned: { age: 1 } };
    const size = Buffer.byteLength(JSON.stringify(json));
    expect(eventSize(room.version, json)).toBe(size);
    const { isLargerThan, hashed, signed } = encodeEvent(room.version, json);
    expect([isLargerThan(size), isLargerThan(size - 1)]).toEqual([false, true]);
    expect(hashed).toBe(contentHashInput(room.version, json));
    expect(signed).toBe(signedInput(room.version, json));
  });
});

it('the room id of version 12 is the create event’s id', () => {
  const room = new TestRoom({ version: '12' });
  expect(room.roomId).toBe('!' + room.create.eventId.slice(1));
  expect(roomIdOfCreate(room.create.eventId)).toBe(room.roomId);
  expect(createEventIdOf(room.roomId)).toBe(room.create.eventId);
  expect(createEventIdOf(new TestRoom().roomId)).toBeUndefined();
});

it('depths end at the limit, and versions 1 and 2 need ids to be given', () => {
  const room = new TestRoom();
  const draft = {
    roomId: room.roomId,
    type: 'm.room.message',
    sender: parseUserId(room.creator),
    content: {},
    prevEvents: [],
    authEvents: [],
    depth: Number.MAX_SAFE_INTEGER + 1,
    originServerTs: 1,
  };
  expect(draftToJson(room.version, draft).depth).toBe(Number.MAX_SAFE_INTEGER);
  const old = new TestRoom({ version: '2' });
  expect(() => draftToJson(old.version, { ...draft, roomId: old.roomId })).toThrow(EventFormatError);
  const signer = room.signer(parseServerName('a.example'));
  expect(() => buildEvent(room.version, { ...draft, type: 'x'.repeat(256) }, signer)).toThrow(
    EventFormatError,
  );
  expect(() => buildEvent(room.version, { ...draft, roomId: undefined }, signer)).toThrow(EventFormatError);
  for (const value of [0.5, 2 ** 53, '\ud800']) {
    expect(() => buildEvent(room.version, { ...draft, content: { value } }, signer)).toThrow(
      EventFormatError,
    );
  }
});

it('a transaction reads back as it was built, and keeps its limits', () => {
  const room = new TestRoom();
  const origin = parseServerName('a.example');
  const pdus = [...room.events.values()].map(({ json }) => json);
  const edus = [{ type: 'm.typing', content: { room_id: room.roomId } }];
  const read = parseTransaction(JSON.stringify(buildTransaction(origin, 5, pdus, edus)));
  expect(read).toEqual({ origin, originServerTs: 5, pdus: pdus.map((json) => ({ ok: true, json })), edus });
  expect(() => buildTransaction(origin, 5, Array(51).fill({}), [])).toThrow(/too many pdus/);
  expect(() => buildTransaction(origin, 5, [], Array(101).fill(edus[0]))).toThrow(/too many edus/);
});
