import { createHash } from 'node:crypto';
import { selectAuthEvents } from '../auth/select-auth-events.ts';
import { eventIdOf, roomIdOfCreate } from '../events/event-id.ts';
import type { JsonObject, JsonValue } from '../json/value.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { stateKeyOf } from '../state/state-key.ts';
import type { EventGraph, GraphEvent } from './graph-player.ts';
import { GraphPlayer } from './graph-player.ts';
import { SeededRandom } from './seeded-random.ts';

const USERS = ['@alice:a.org', '@bob:b.org', '@carol:c.org', '@dave:a.org', '@eve:d.org', '@frank:b.org'];
const [CREATOR = ''] = USERS;
const START = 1_600_000_000_000;

type Draft = {
  readonly type: string;
  readonly sender: string;
  readonly stateKey?: string;
  readonly content: JsonObject;
  readonly redacts?: string;
};

/** Events that set the room up, up to its join rules: no fork starts before them. */
const SET_UP = 4;

/** What kind of rooms to make. */
export type GraphOptions = {
  /**
   * Whether some rooms say `m.federate: false`; default true. Synapse then also rejects kicks, bans and invites *of*
   * users from other servers, which no rule of the specification does.
   */
  readonly unfederated?: boolean;
};

/**
 * A room of forks, concurrent changes of power, bans, joins, knocks and plain mistakes: senders who may not, stale,
 * missing and superfluous auth events, rejected events among prev and auth events, equal timestamps.
 *
 * @param length events besides those that set the room up
 */
export function randomGraph(
  seed: number,
  roomVersion: string,
  length: number,
  options: GraphOptions = {},
): EventGraph {
  return new GraphBuilder(seed, roomVersion, options).build(length);
}

class GraphBuilder {
  readonly #random: SeededRandom;
  readonly #seed: number;
  readonly #unfederated: boolean;
  readonly #version: string;
  readonly #player: GraphPlayer;
  readonly #events: GraphEvent[] = [];
  readonly #creators: readonly string[];

  constructor(seed: number, roomVersion: string, options: GraphOptions) {
    this.#unfederated = options.unfederated ?? true;
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#version = roomVersion;
    this.#player = new GraphPlayer(roomVersion);
    const { privilegedCreators } = this.#player.rules.auth;
    this.#creators = privilegedCreators && this.#random.chance(0.4) ? [CREATOR, '@bob:b.org'] : [CREATOR];
  }

  build(length: number): EventGraph {
    this.#setUp();
    for (let index = 0; index < length; index++) this.#step();
    return { roomVersion: this.#version, events: this.#events };
  }

  #setUp(): void {
    const { auth } = this.#player.rules;
    const additional = this.#creators.slice(1);
    this.#append(
      {
        type: 'm.room.create',
        sender: CREATOR,
        stateKey: '',
        content: {
          room_version: this.#version,
          ...(auth.creatorIsSender ? {} : { creator: CREATOR }),
          ...(additional.length > 0 ? { additional_creators: additional } : {}),
          ...(this.#random.chance(0.05) && this.#unfederated ? { 'm.federate': false } : {}),
        },
      },
      [],
    );
    const last = () => [this.#events.at(-1)?.eventId].filter((id) => id !== undefined);
    this.#append(this.#member(CREATOR, CREATOR, 'join'), last());
    this.#append(this.#powerLevels(CREATOR, true), last());
    const rule = this.#random.chance(0.7) ? 'public' : this.#joinRule();
    this.#append(this.#state(CREATOR, 'm.room.join_rules', { join_rule: rule }), last());
    for (const user of USERS.slice(1, 4)) this.#append(this.#member(user, user, 'join'), last());
  }

  #step(): void {
    const previous = this.#previous();
    const sender = this.#sender(previous);
    // Resolution can leave a room without join rules: see `#previous`.
    const hasJoinRules = this.#player.stateBefore(previous).has(stateKeyOf('m.room.join_rules', ''));
    this.#append(hasJoinRules ? this.#draft(sender) : this.#powerLevels(sender, false), previous);
  }

  /** Mostly somebody who is in the room, often the creator, sometimes anybody. */
  #sender(previous: readonly EventId[]): string {
    if (this.#random.chance(0.25)) return CREATOR;
    if (this.#random.chance(0.15)) return this.#random.pick(USERS);
    const state = this.#player.stateBefore(previous);
    const joined = USERS.filter((user) => {
      const id = state.get(stateKeyOf('m.room.member', user));
      return id !== undefined && this.#player.pdu(id)?.content.membership === 'join';
    });
    return this.#random.pick(joined.length > 0 ? joined : USERS);
  }

  /**
   * Mostly the latest events, often several, sometimes old ones: forks grow and are merged again. Never from before the
   * join rules: where a room has none, the specification is silent, and implementations differ (ruma rejects joins,
   * Synapse and gomatrixserverlib take such a room for one by invitation).
   */
  #previous(): EventId[] {
    const recent = this.#events.slice(
      this.#random.chance(0.2) ? SET_UP - 1 : Math.max(SET_UP - 1, this.#events.length - 6),
    );
    const count = this.#random.chance(0.5) ? 1 : 2 + this.#random.below(2);
    const chosen = new Set(Array.from({ length: count }, () => this.#random.pick(recent).eventId));
    return [...chosen];
  }

  #draft(sender: string): Draft {
    const target = this.#random.pick(USERS);
    const roll = this.#random.below(100);
    const joiner = this.#random.pick(USERS);
    if (roll < 14) return this.#member(joiner, joiner, 'join');
    if (roll < 20) return this.#member(sender, sender, 'leave');
    if (roll < 28) return this.#member(sender, target, 'ban');
    if (roll < 36) return this.#member(sender, target, 'leave');
    if (roll < 44) return this.#member(sender, target, 'invite');
    if (roll < 48) return this.#member(joiner, joiner, 'knock');
    if (roll < 64) return this.#powerLevels(sender, false);
    if (roll < 72) return this.#state(sender, 'm.room.join_rules', this.#joinRules());
    if (roll < 80) return this.#state(sender, 'm.room.topic', { topic: `t${this.#random.below(100)}` });
    if (roll < 84) return this.#state(sender, 'org.example.state', { n: this.#random.below(9) }, target);
    if (roll < 88) return this.#state(sender, 'm.room.third_party_invite', { display_name: 'x' }, 'token');
    if (roll < 92) return this.#redaction(sender);
    return { type: 'm.room.message', sender, content: { body: 'x', msgtype: 'm.text' } };
  }

  #member(sender: string, target: string, membership: string): Draft {
    const restricted = membership === 'join' && this.#random.chance(0.3);
    return {
      type: 'm.room.member',
      sender,
      stateKey: this.#random.chance(0.02) ? this.#random.pick(USERS) : target,
      content: {
        membership: this.#random.chance(0.01) ? 'unheard' : membership,
        ...(restricted ? { join_authorised_via_users_server: this.#random.pick(USERS) } : {}),
      },
    };
  }

  #state(sender: string, type: string, content: JsonObject, stateKey = ''): Draft {
    return { type, sender, stateKey, content };
  }

  #joinRule(): string {
    return this.#random.pick(['public', 'invite', 'knock', 'restricted', 'knock_restricted', 'private']);
  }

  #joinRules(): JsonObject {
    const rule = this.#joinRule();
    return rule.includes('restricted')
      ? { join_rule: rule, allow: [{ type: 'm.room_membership', room_id: '!other:a.org' }] }
      : { join_rule: rule };
  }

  #powerLevels(sender: string, first: boolean): Draft {
    const users: Record<string, JsonValue> = {};
    const mayListCreators = !this.#player.rules.auth.privilegedCreators || this.#random.chance(0.03);
    for (const user of USERS) {
      const isCreator = this.#creators.includes(user);
      if (isCreator && !mayListCreators) continue;
      if (user === CREATOR && this.#random.chance(first ? 1 : 0.85)) users[user] = 100;
      else if (this.#random.chance(0.4)) users[user] = this.#random.pick([-1, 0, 10, 50, 50, 75, 100]);
    }
    const level = () => this.#random.pick([0, 25, 50, 75, 100]);
    const maybe = (name: string) => (this.#random.chance(0.3) ? { [name]: level() } : {});
    return this.#state(sender, 'm.room.power_levels', {
      users,
      ...maybe('ban'),
      ...maybe('kick'),
      ...maybe('invite'),
      ...maybe('redact'),
      ...maybe('state_default'),
      ...maybe('events_default'),
      ...(this.#random.chance(0.1) ? { users_default: this.#random.pick([0, 10, 50]) } : {}),
      ...(this.#random.chance(0.3)
        ? { events: { 'm.room.topic': level(), 'm.room.power_levels': level() } }
        : {}),
      ...(this.#random.chance(0.1) ? { notifications: { room: level() } } : {}),
    });
  }

  #redaction(sender: string): Draft {
    const redacts = this.#random.pick(this.#events).eventId;
    return this.#player.rules.redaction.redactsKey === 'content'
      ? { type: 'm.room.redaction', sender, content: { redacts } }
      : { type: 'm.room.redaction', sender, content: {}, redacts };
  }

  #authEvents(draft: Draft, prevEvents: readonly EventId[]): EventId[] {
    const state = this.#player.stateBefore(prevEvents);
    const chosen = selectAuthEvents(this.#player.rules, draft, (type, stateKey) =>
      state.get(stateKeyOf(type, stateKey)),
    );
    if (this.#events.length < SET_UP + 3 || !this.#random.chance(0.12)) return chosen;
    // What a confused or malicious server would send.
    // (Naming the create event in version 12 is not among it: Synapse does not even parse that.)
    const first = this.#player.rules.auth.createImpliedByRoomId ? 1 : 0;
    const stale = this.#events.slice(first).filter(({ json }) => json.state_key !== undefined);
    switch (this.#random.below(3)) {
      case 0:
        return chosen.filter((id) => this.#isJoinRules(id) || !this.#random.chance(1 / chosen.length));
      case 1:
        return [...new Set([...chosen, this.#random.pick(stale).eventId])];
      default: {
        const index = this.#random.below(Math.max(1, chosen.length));
        const type = this.#player.pdu(chosen[index] ?? this.#random.pick(stale).eventId)?.type;
        const older = stale.filter(({ json }) => json.type === type);
        return older.length === 0
          ? chosen
          : chosen.map((id, at) => (at === index ? this.#random.pick(older).eventId : id));
      }
    }
  }

  #isJoinRules(id: EventId): boolean {
    return this.#player.pdu(id)?.type === 'm.room.join_rules';
  }

  #append(draft: Draft, prevEvents: readonly EventId[]): void {
    const { rules } = this.#player;
    const isImplied = draft.type === 'm.room.create' && rules.auth.createImpliedByRoomId;
    const [first] = this.#events;
    const roomId = first && rules.auth.createImpliedByRoomId ? roomIdOfCreate(first.eventId) : '!room:a.org';
    const references = (ids: readonly EventId[]): JsonValue =>
      rules.eventReferences === 'pairs' ? ids.map((id) => [id, { sha256: 'x' }]) : ids;
    const json: JsonObject = {
      ...(rules.eventIdFormat === 'domain' ? { event_id: this.#domainId() } : {}),
      type: draft.type,
      sender: draft.sender,
      ...(draft.stateKey === undefined ? {} : { state_key: draft.stateKey }),
      ...(isImplied ? {} : { room_id: roomId }),
      content: draft.content,
      ...(draft.redacts === undefined ? {} : { redacts: draft.redacts }),
      // Coarse steps: ties must be broken by event id.
      origin_server_ts: START + Math.floor(this.#events.length / 4) * 1000 - this.#random.below(3) * 1000,
      depth: this.#events.length + 1,
      hashes: { sha256: 'x' },
      signatures: {},
      prev_events: references(prevEvents),
      auth_events: references(this.#authEvents(draft, prevEvents)),
    };
    const event = { eventId: eventIdOf(rules, json), json };
    // Two users' events can be equal to the last byte: such an event is one event.
    if (this.#events.some(({ eventId }) => eventId === event.eventId)) return;
    this.#events.push(event);
    this.#player.add(event);
  }

  #domainId(): string {
    const digest = createHash('sha256').update(`${this.#seed} ${this.#events.length}`).digest('hex');
    return `$${digest.slice(0, 16)}:a.org`;
  }
}
