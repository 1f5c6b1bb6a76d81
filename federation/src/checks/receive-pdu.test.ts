import { describe, expect, it } from 'vitest';
import type { JudgedPdu } from '../auth/check-auth-events.ts';
import type { StateLookup } from '../auth/state-lookup.ts';
import type { Pdu } from '../events/pdu.ts';
import { JsonError } from '../json/errors.ts';
import { parseJsonObject } from '../json/parse.ts';
import type { JsonObject } from '../json/value.ts';
import { ROOM_VERSIONS, type RoomVersion } from '../room-versions/rules.ts';
import { signEvent } from '../signing/sign-event.ts';
import { signJson } from '../signing/sign-json.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { stateKeyOf, type StateKey } from '../state/state-key.ts';
import { TestRoom, testSigner } from '../testing/event-factory.ts';
import type { EventKeys, ReceiptPorts } from './ports.ts';
import { receivePdu, type Receipt } from './receive-pdu.ts';

const ALICE = '@alice:a.example';
const BOB = '@bob:b.example';
const EVE = '@eve:e.example';

/** A room as a server knows it, with parts that a test can take away or change. */
class Server implements EventKeys {
  readonly room: TestRoom;
  unknownEvents = new Set<EventId>();
  unknownState = false;
  knownKeysUntil = Infinity;
  current: ReadonlyMap<StateKey, EventId> | 'none' | undefined;
  recommends = true;
  fetched = 0;

  constructor(version: RoomVersion = '11') {
    this.room = new TestRoom({ version });
    this.room.join(BOB);
  }

  get ports(): ReceiptPorts {
    return {
      keys: this,
      authEvents: {
        load: async (_event, ids) => {
          const found = new Map<EventId, JudgedPdu>();
          for (const id of ids) {
            const pdu = this.unknownEvents.has(id) ? undefined : this.room.get(id);
            if (pdu) found.set(id, { pdu, rejected: this.room.isRejected(id) });
          }
          return found;
        },
      },
      states: {
        before: async (event) =>
          this.unknownState ? undefined : this.#lookup(this.room.stateBefore(event.prevEvents)),
        current: async () =>
          this.current === 'none' ? undefined : this.#lookup(this.current ?? this.room.currentState()),
      },
      policy: { recommends: async () => this.recommends },
    };
  }

  async fetch(): Promise<void> {
    this.fetched += 1;
  }

  lookup: EventKeys['lookup'] = (server, keyId, at) =>
    at > this.knownKeysUntil ? undefined : this.room.keys(server, keyId);
  lookupAnyTime: EventKeys['lookupAnyTime'] = (server, keyId) => this.room.keys(server, keyId);

  receive(json: JsonObject): Promise<Receipt> {
    return receivePdu(this.room.version, json, this.ports);
  }

  #lookup(state: ReadonlyMap<StateKey, EventId>): StateLookup {
    return (type, stateKey) => {
      const id = state.get(stateKeyOf(type, stateKey));
      return id === undefined ? undefined : this.room.get(id);
    };
  }
}

const message = (server: Server, sender = BOB) =>
  server.room.build({ type: 'm.room.message', sender, content: { body: 'hello', msgtype: 'm.text' } });

describe.each(ROOM_VERSIONS)('receiving in room version %s', (version) => {
  it('accepts a valid event, its id and unknown fields kept, what is unsigned taken away', async () => {
    const server = new Server(version);
    const sent = message(server);
    const receipt = await server.receive({ ...sent.json, unsigned: { age: 1, evil: true } });
    expect(receipt).toEqual({ outcome: 'accept', pdu: sent });
    expect(server.fetched).toBe(1);
  });

  it('redacts an event whose content was touched, and goes on', async () => {
    const server = new Server(version);
    const sent = message(server);
    const receipt = await server.receive({ ...sent.json, content: { body: 'evil' }, extra: 1 });
    expect(receipt).toMatchObject({ outcome: 'redact' });
    if (receipt.outcome !== 'redact') return;
    expect(receipt.pdu.eventId).toBe(sent.eventId);
    expect(receipt.pdu.content).toEqual({});
    expect(receipt.pdu.json).not.toHaveProperty('extra');
  });

  it.each(['sender', 'type', 'depth', 'origin_server_ts', 'prev_events', 'auth_events', 'hashes', 'room_id'])(
    'drops an event whose %s was touched: the signature covers it',
    async (field) => {
      const server = new Server(version);
      const sent = message(server);
      const other = message(server, ALICE);
      const values: Record<string, JsonObject[string]> = {
        sender: '@rob:b.example',
        type: 'm.room.name',
        depth: 99,
        origin_server_ts: 5,
        prev_events: [],
        auth_events: [],
        hashes: other.json.hashes ?? null,
        room_id: new TestRoom({ version, creator: '@z:z.example' }).roomId,
      };
      const receipt = await server.receive({ ...sent.json, [field]: values[field] ?? null });
      expect(receipt).toMatchObject({ outcome: 'drop', reason: 'signature' });
    },
  );

  it('drops an event with the signature of another key, or none', async () => {
    const server = new Server(version);
    const sent = message(server);
    const { signatures: _signatures, ...bare } = sent.json;
    const forged = signEvent(server.room.version, bare, {
      server: parseServerName('b.example'),
      key: testSigner(parseServerName('e.example')).key,
    });
    expect(await server.receive(forged.json)).toMatchObject({ outcome: 'drop', reason: 'signature' });
    expect(await server.receive({ ...sent.json, signatures: {} })).toMatchObject({
      outcome: 'drop',
      reason: 'signature',
    });
    expect(await server.receive(bare)).toMatchObject({ outcome: 'drop', reason: 'format' });
  });

  it('honours the validity of keys from room version 5 on', async () => {
    const server = new Server(version);
    server.knownKeysUntil = 1;
    const outcome = (await server.receive(message(server).json)).outcome;
    expect(outcome).toBe(Number(version) >= 5 ? 'drop' : 'accept');
  });

  it('rejects what its own auth events do not allow', async () => {
    const server = new Server(version);
    const event = server.room.build({ type: 'm.room.topic', stateKey: '', sender: BOB, content: {} });
    expect(await server.receive(event.json)).toMatchObject({
      outcome: 'reject',
      failed: 'auth_events',
      decision: { rule: 'sender.level' },
    });
  });

  it('judges a redacted event by what is left of it: rejected or soft-failed like another', async () => {
    const server = new Server(version);
    const topic = server.room.build({ type: 'm.room.topic', stateKey: '', sender: BOB, content: {} });
    const touched = { content: { topic: 'evil' } };
    expect(await server.receive({ ...topic.json, ...touched })).toMatchObject({
      outcome: 'reject',
      redacted: true,
    });
    const sent = message(server);
    server.room.member(BOB, 'ban', ALICE);
    expect(await server.receive({ ...sent.json, ...touched })).toMatchObject({
      outcome: 'soft-fail',
      redacted: true,
      pdu: { eventId: sent.eventId, content: {} },
    });
  });

  it('rejects an event that rests on a rejected one', async () => {
    const server = new Server(version);
    const { room } = server;
    const evil = room.build({
      type: 'm.room.power_levels',
      stateKey: '',
      sender: BOB,
      content: { users: { [BOB]: 100 } },
    });
    room.reject(evil);
    const proper = message(server);
    const authEvents = proper.authEvents.map((id) =>
      room.get(id)?.type === 'm.room.power_levels' ? evil.eventId : id,
    );
    const event = room.build({ type: 'm.room.topic', stateKey: '', sender: BOB, content: {}, authEvents });
    expect(await server.receive(event.json)).toMatchObject({
      outcome: 'reject',
      failed: 'auth_events',
      decision: { rule: 'auth_events.rejected' },
    });
  });

  it('rejects what the state before it does not allow', async () => {
    const server = new Server(version);
    const { room } = server;
    const before = message(server);
    room.member(BOB, 'ban', ALICE);
    // Bob cites his membership from before the ban, yet places his event after it.
    const event = room.build({
      type: 'm.room.message',
      sender: BOB,
      content: {},
      authEvents: before.authEvents,
    });
    expect(await server.receive(event.json)).toMatchObject({
      outcome: 'reject',
      failed: 'state_before',
      decision: { rule: 'sender.joined' },
    });
  });

  it('soft-fails what only the current state forbids: evading a ban', async () => {
    const server = new Server(version);
    const { room } = server;
    const evading = message(server);
    room.member(BOB, 'ban', ALICE);
    expect(await server.receive(evading.json)).toMatchObject({
      outcome: 'soft-fail',
      failed: { rule: 'sender.joined' },
    });
  });

  it('soft-fails what the policy server does not recommend', async () => {
    const server = new Server(version);
    server.recommends = false;
    expect(await server.receive(message(server).json)).toMatchObject({
      outcome: 'soft-fail',
      failed: 'policy',
    });
  });

  it('drops, for now, what cannot be judged', async () => {
    const server = new Server(version);
    const event = message(server);
    server.unknownState = true;
    expect(await server.receive(event.json)).toMatchObject({ outcome: 'drop', reason: 'missing_state' });
    for (const id of event.authEvents) {
      server.unknownEvents = new Set([id]);
      expect(await server.receive(event.json)).toMatchObject({
        outcome: 'drop',
        reason: 'missing_auth_events',
      });
    }
  });

  it('drops a second create event, which the rules would let in', async () => {
    const server = new Server(version);
    const { room } = server;
    const { signatures: _signatures, hashes: _hashes, ...bare } = room.create.json;
    const eventId = Number(version) < 3 ? { event_id: '$second:a.example' } : {};
    const { json } = signEvent(
      room.version,
      { ...bare, ...eventId, origin_server_ts: room.create.originServerTs + 1_000_000 },
      room.signer(parseServerName('a.example')),
    );
    expect(await server.receive(json)).toMatchObject({ outcome: 'drop', reason: 'second_create' });
    expect(await server.receive(room.create.json)).toMatchObject({ outcome: 'accept' });
  });

  it('takes a create event by itself', async () => {
    const server = new Server(version);
    server.current = 'none';
    const { create } = server.room;
    expect(await server.receive(create.json)).toEqual({ outcome: 'accept', pdu: create });
  });
});

describe('signatures beside the sender’s', () => {
  it.each(ROOM_VERSIONS)('room version %s: an invite needs the sender’s like any event', async (version) => {
    const server = new Server(version);
    const invite = server.room.build({
      type: 'm.room.member',
      stateKey: EVE,
      sender: ALICE,
      content: { membership: 'invite' },
    });
    expect(await server.receive(invite.json)).toMatchObject({ outcome: 'accept' });
    expect(await server.receive({ ...invite.json, signatures: {} })).toMatchObject({
      outcome: 'drop',
      reason: 'signature',
    });
  });

  it.each(ROOM_VERSIONS)(
    'room version %s: one that answers a third-party invite may come from the invited server',
    async (version) => {
      const server = new Server(version);
      const { room } = server;
      const identity = testSigner(parseServerName('id.example'));
      room.state('m.room.third_party_invite', 'token', { public_key: identity.key.publicKey });
      const answer = (signed: JsonObject) => {
        const { json } = room.build({
          type: 'm.room.member',
          stateKey: EVE,
          sender: ALICE,
          content: { membership: 'invite', third_party_invite: { display_name: 'Eve', signed } },
        });
        // The server of the event id must have signed in versions 1 and 2: here that is the sender's.
        return Number(version) < 3 ? json : { ...json, signatures: {} };
      };
      const signed = signJson({ mxid: EVE, token: 'token' }, identity);
      expect(await server.receive(answer(signed))).toMatchObject({ outcome: 'accept' });
      expect(await server.receive(answer({ ...signed, extra: 1 }))).toMatchObject({
        outcome: 'reject',
        decision: { rule: 'invite.third_party_otherwise' },
      });
    },
  );

  it('room versions 1 and 2 want the server of the event id too', async () => {
    const server = new Server('2');
    const sent = message(server);
    const { signatures: _signatures, hashes: _hashes, ...bare } = sent.json;
    const elsewhere = signEvent(
      server.room.version,
      { ...bare, event_id: '$1:c.example' },
      server.room.signer(parseServerName('b.example')),
    );
    expect(await server.receive(elsewhere.json)).toMatchObject({ outcome: 'drop', reason: 'signature' });
  });

  it('a restricted join wants the server that authorised it', async () => {
    const server = new Server('10');
    const { room } = server;
    room.state('m.room.join_rules', '', { join_rule: 'restricted', allow: [] });
    const join = room.build({
      type: 'm.room.member',
      stateKey: EVE,
      sender: EVE,
      content: { membership: 'join', join_authorised_via_users_server: ALICE },
    });
    expect(await server.receive(join.json)).toMatchObject({ outcome: 'drop', reason: 'signature' });
    const { cosignEvent } = await import('../signing/sign-event.ts');
    const cosigned = cosignEvent(room.version, join.json, room.signer(parseServerName('a.example')));
    expect(await server.receive(cosigned)).toMatchObject({ outcome: 'accept' });
    // The rest of the event is still the sender's: touching it breaks either signature.
    expect(await server.receive({ ...cosigned, origin_server_ts: 1 })).toMatchObject({ outcome: 'drop' });
  });
});

describe('room version 12', () => {
  it('drops a create event of another room, rejects events whose create event was rejected', async () => {
    const server = new Server('12');
    const { room } = server;
    const event = message(server);
    room.reject(room.create);
    expect(await server.receive(event.json)).toMatchObject({
      outcome: 'reject',
      decision: { rule: 'room.create_accepted' },
    });
  });

  it('rejects a create event with a room id', async () => {
    const server = new Server('12');
    server.current = 'none';
    const { room } = server;
    const { signatures: _signatures, hashes: _hashes, ...bare } = room.create.json;
    const signed = signEvent(
      room.version,
      { ...bare, room_id: room.roomId },
      room.signer(parseServerName('a.example')),
    );
    expect(await server.receive(signed.json)).toMatchObject({
      outcome: 'reject',
      decision: { rule: 'create.room_id_present' },
    });
  });

  it('rejects an event that lists the create event', async () => {
    const server = new Server('12');
    const { room } = server;
    const proper = message(server);
    const event: Pdu = room.build({
      type: 'm.room.message',
      sender: BOB,
      content: {},
      authEvents: [...proper.authEvents, room.create.eventId],
    });
    expect(await server.receive(event.json)).toMatchObject({
      outcome: 'reject',
      decision: { rule: 'auth_events.unexpected' },
    });
  });
});

describe('what an event may hold', () => {
  const odd = '{"body":"hi","big":123456789012345678901234567890,"float":1.50,"exponent":1e2}';

  const signOdd = (version: RoomVersion) => {
    const server = new Server(version);
    const { signatures: _signatures, hashes: _hashes, ...bare } = message(server).json;
    const content = parseJsonObject(odd);
    return {
      server,
      sign: () =>
        signEvent(
          server.room.version,
          { ...bare, content, 'org.example.extra': [1, { a: null }] },
          server.room.signer(parseServerName('b.example')),
        ),
    };
  };

  it.each(ROOM_VERSIONS.slice(0, 5))(
    'room version %s keeps strange numbers to the last digit',
    async (version) => {
      const { server, sign } = signOdd(version);
      // Through text, as over the wire.
      const text = JSON.stringify(sign().json);
      expect(text).toContain('123456789012345678901234567890');
      const receipt = await server.receive(parseJsonObject(text));
      expect(receipt).toMatchObject({ outcome: 'accept' });
      if (receipt.outcome !== 'accept') return;
      expect(JSON.stringify(receipt.pdu.content)).toBe(odd);
      expect(receipt.pdu.json['org.example.extra']).toEqual([1, { a: null }]);
      const rounded = parseJsonObject(text.replace('567890,', '567891,'));
      expect(await server.receive(rounded)).toMatchObject({ outcome: 'redact' });
    },
  );

  it.each(ROOM_VERSIONS.slice(5))('room version %s drops them', async (version) => {
    const { server, sign } = signOdd(version);
    expect(sign).toThrow(JsonError);
    const sent = message(server);
    const receipt = await server.receive({ ...sent.json, content: parseJsonObject(odd) });
    expect(receipt).toMatchObject({ outcome: 'drop', reason: 'format' });
  });

  it('unknown fields are kept, at the top and within', async () => {
    const server = new Server('11');
    const { signatures: _signatures, hashes: _hashes, ...bare } = message(server).json;
    const content = { body: 'x', 'org.example.unknown': { deep: [true] } };
    const event = { ...bare, content, 'org.example.extra': { a: null } };
    const { json } = signEvent(server.room.version, event, server.room.signer(parseServerName('b.example')));
    const receipt = await server.receive(parseJsonObject(JSON.stringify(json)));
    expect(receipt).toMatchObject({ outcome: 'accept', pdu: { json } });
  });
});
