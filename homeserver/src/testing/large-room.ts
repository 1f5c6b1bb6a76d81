import { buildEvent, type EventDraft } from '@nyx/federation/events/builder.ts';
import { parsePdu, type Pdu } from '@nyx/federation/events/pdu.ts';
import { parseJsonObject } from '@nyx/federation/json/parse.ts';
import { isJsonObject, type JsonObject } from '@nyx/federation/json/value.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { parseUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { FakeServer } from '@nyx/federation/testing/fake-server.ts';

const rules = RULES['11'];

/** A public room with many members on a scripted server, which lets others in the way a good server does. */
export class LargeRoom {
  readonly fake: FakeServer;
  readonly room: RoomId;
  readonly creator: UserId;
  /** Create, power levels, join rules, history visibility: the state without members. */
  readonly state: readonly Pdu[];
  readonly members: readonly Pdu[];
  readonly messages: readonly Pdu[];
  /** Resolves when the whole state may be given; it is given at once unless somebody replaces it. */
  gate: Promise<void> = Promise.resolve();
  /** What was sent to it, by transaction. */
  readonly sent: JsonObject[] = [];
  /** How often the whole state was asked for. */
  asked = 0;
  #last: Pdu;
  /** The members as they are now. */
  #current: readonly Pdu[];
  #join: Pdu | undefined;
  readonly #live = new Map<string, Pdu>();

  /** @param options.banned index of a member who was banned since, whose join still authorises what they say */
  constructor(
    fake: FakeServer,
    options: { readonly members: number; readonly messages: number; readonly banned?: number },
  ) {
    this.fake = fake;
    const room = `!large${Math.abs(fake.name.length * 7919)}${options.members}:${fake.name}`;
    if (!isRoomId(room)) throw new Error('not a room id');
    this.room = room;
    this.creator = parseUserId(`@creator:${fake.name}`);
    const create = this.#event(
      { type: 'm.room.create', stateKey: '', content: { room_version: '11' } },
      [],
      [],
    );
    const own = this.#member(this.creator, [create], create);
    const power = this.#event(
      { type: 'm.room.power_levels', stateKey: '', content: { users: { [this.creator]: 100 } } },
      [create, own],
      [own],
    );
    const joinRules = this.#event(
      { type: 'm.room.join_rules', stateKey: '', content: { join_rule: 'public' } },
      [create, own, power],
      [power],
    );
    const visibility = this.#event(
      { type: 'm.room.history_visibility', stateKey: '', content: { history_visibility: 'shared' } },
      [create, own, power],
      [joinRules],
    );
    this.state = [create, power, joinRules, visibility];
    let last = visibility;
    const members = [own];
    for (let index = 1; index < options.members; index++) {
      last = this.#member(parseUserId(`@member${index}:${fake.name}`), [create, power, joinRules], last);
      members.push(last);
    }
    this.members = members;
    this.#current = members;
    const banned = options.banned === undefined ? undefined : members[options.banned];
    if (banned !== undefined) {
      const content = { membership: 'ban' };
      const about = { type: 'm.room.member', stateKey: banned.sender, content };
      last = this.#event(about, [create, power, own, banned], [last]);
      const ban = last;
      this.#current = members.map((member) => (member === banned ? ban : member));
    }
    const messages: Pdu[] = [];
    for (let index = 0; index < options.messages; index++) {
      last = this.message(index % options.members, `message ${index}`, [last]);
      messages.push(last);
    }
    this.messages = messages;
    this.#last = last;
    this.#serve();
  }

  /** A message of one of the members, on top of what it is told or of the newest event. */
  message(member: number, body: string, previous?: readonly Pdu[]): Pdu {
    const by = this.members[member];
    if (by === undefined) throw new Error('no such member');
    const [create, power] = this.state;
    if (create === undefined || power === undefined) throw new Error('no state');
    const pdu = this.#event(
      { type: 'm.room.message', sender: by.sender, content: { msgtype: 'm.text', body } },
      [create, power, by],
      previous ?? [this.#join ?? this.#last],
    );
    this.#live.set(pdu.eventId, pdu);
    return pdu;
  }

  #event(draft: Partial<EventDraft>, auth: readonly Pdu[], previous: readonly Pdu[]): Pdu {
    return buildEvent(
      rules,
      {
        roomId: this.room,
        type: '',
        sender: this.creator,
        content: {},
        ...draft,
        authEvents: auth.map(({ eventId }) => eventId),
        prevEvents: previous.map(({ eventId }) => eventId),
        depth: Math.max(0, ...previous.map(({ depth }) => depth)) + 1,
        originServerTs: 1_700_000_000_000 + Math.max(0, ...previous.map(({ depth }) => depth)),
      },
      this.fake.signer,
    );
  }

  #member(user: UserId, auth: readonly Pdu[], previous: Pdu): Pdu {
    const content = { membership: 'join', displayname: user.slice(1, 12) };
    return this.#event({ type: 'm.room.member', stateKey: user, sender: user, content }, auth, [previous]);
  }

  #serve(): void {
    const { fake } = this;
    const jsons = (pdus: readonly Pdu[]) => pdus.map(({ json }) => json);
    fake.on('GET', /\/make_join\//, ({ path }) => {
      const user = decodeURIComponent(path.split('/').at(-1) ?? '');
      const [create, power, joinRules] = this.state;
      return {
        room_version: '11',
        event: {
          type: 'm.room.member',
          room_id: this.room,
          sender: user,
          state_key: user,
          content: { membership: 'join' },
          auth_events: [create, power, joinRules].map((pdu) => pdu?.eventId ?? ''),
          prev_events: [this.#last.eventId],
          depth: this.#last.depth + 1,
          origin_server_ts: 1,
        },
      };
    });
    fake.on('PUT', /\/v2\/send_join\//, ({ body, query }) => {
      const event = parseJsonObject(body);
      this.#join = parsePdu(rules, event);
      const omitted = query.get('omit_members') === 'true';
      return {
        state: jsons(omitted ? this.state : [...this.state, ...this.#current]),
        auth_chain: jsons([...this.state.slice(0, 3), ...this.members.slice(0, 1)]),
        event,
        members_omitted: omitted,
        ...(omitted ? { servers_in_room: [fake.name] } : {}),
      };
    });
    fake.on('GET', /\/v1\/state\//, async () => {
      this.asked++;
      await this.gate;
      return {
        pdus: jsons([...this.state, ...this.#current]),
        auth_chain: jsons([...this.state, ...this.members]),
      };
    });
    const all = [...this.members.slice(0, 1), ...this.state, ...this.members.slice(1), ...this.messages];
    fake.on('GET', /\/v1\/event\//, ({ path }, response) => {
      const found = all.find(({ eventId }) => eventId === decodeURIComponent(path.split('/').at(-1) ?? ''));
      if (found !== undefined) return { origin: fake.name, origin_server_ts: 1, pdus: [found.json] };
      response.statusCode = 404;
      return { errcode: 'M_NOT_FOUND', error: 'no such event' };
    });
    fake.on('GET', /\/v1\/event_auth\//, ({ path }) => {
      const wanted = this.#live.get(decodeURIComponent(path.split('/').at(-1) ?? ''));
      const auth = this.members.filter(({ eventId }) => wanted?.authEvents.includes(eventId));
      return { auth_chain: jsons([...this.state.slice(0, 3), ...auth]) };
    });
    fake.on('GET', /\/v1\/backfill\//, ({ query }) => {
      const from = query.get('v') ?? '';
      const at = all.findIndex(({ eventId }) => eventId === from);
      const older = (at < 0 ? all : all.slice(0, at)).slice(-Number(query.get('limit')));
      return { origin: fake.name, origin_server_ts: 1, pdus: jsons(older.toReversed()) };
    });
    fake.on('PUT', /\/v1\/send\//, ({ body }) => {
      const { pdus } = parseJsonObject(body);
      if (Array.isArray(pdus))
        for (const pdu of pdus as readonly JsonObject[]) if (isJsonObject(pdu)) this.sent.push(pdu);
      return { pdus: {} };
    });
  }
}
