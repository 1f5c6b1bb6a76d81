import { createHash } from 'node:crypto';
import { selectAuthEvents } from '../auth/select-auth-events.ts';
import { eventIdOf, roomIdOfCreate } from '../events/event-id.ts';
import { RawNumber, type JsonObject, type JsonValue } from '../json/value.ts';
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
  /**
   * Adds what only rooms of versions 1 and 2 have: true depths, so that forks are of equal depth, and some lies; event
   * ids of the sender's server, by which redactions are judged; aliases; levels written as text and as fractions.
   */
  readonly old?: boolean;
  /** Whether levels of old rooms may be fractions; default true. Ruma takes none. */
  readonly fractions?: boolean;
  /**
   * Leaves out what gomatrixserverlib decides otherwise than the specification: leaving, third-party invites, join rules
   * besides `public` and `invite`, levels of events and of everybody, lists of auth events that nobody selects.
   */
  readonly plain?: boolean;
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
  readonly #options: GraphOptions;
  readonly #depths = new Map<EventId, number>();
  readonly #version: string;
  readonly #player: GraphPlayer;
  readonly #events: GraphEvent[] = [];
  readonly #creators: readonly string[];

  constructor(seed: number, roomVersion: string, options: GraphOptions) {
    this.#options = options;
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
          ...(this.#random.chance(0.05) && this.#options.unfederated !== false
            ? { 'm.federate': false }
            : {}),
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
    if (this.#options.old === true && this.#random.chance(0.05)) return this.#aliases(sender);
    if (this.#options.plain === true && isNotPlain(roll)) return this.#powerLevels(sender, false);
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

  #aliases(sender: string): Draft {
    const server = serverOf(this.#random.chance(0.7) ? sender : this.#random.pick(USERS));
    // Without a state key gomatrixserverlib crashes.
    const isState = this.#options.plain === true || !this.#random.chance(0.1);
    const stateKey = isState ? { stateKey: server } : {};
    return { type: 'm.room.aliases', sender, ...stateKey, content: { aliases: [`#x:${server}`] } };
  }

  #joinRule(): string {
    if (this.#options.plain === true) return this.#random.pick(['public', 'invite']);
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
    const levels = this.#options.plain === true ? [10, 50, 50, 75, 100] : [-1, 0, 10, 50, 50, 75, 100];
    const mayListCreators = !this.#player.rules.auth.privilegedCreators || this.#random.chance(0.03);
    for (const user of USERS) {
      const isCreator = this.#creators.includes(user);
      if (isCreator && !mayListCreators) continue;
      if (user === CREATOR && this.#random.chance(first ? 1 : 0.85)) users[user] = 100;
      else if (this.#random.chance(0.4)) users[user] = this.#level(this.#random.pick(levels));
    }
    const level = () => this.#level(this.#random.pick([0, 25, 50, 75, 100]));
    const maybe = (name: string) => (this.#random.chance(0.3) ? { [name]: level() } : {});
    const simple = {
      users,
      ...maybe('ban'),
      ...maybe('kick'),
      ...maybe('invite'),
      ...maybe('redact'),
      ...maybe('state_default'),
      ...maybe('events_default'),
    };
    if (this.#options.plain === true) return this.#state(sender, 'm.room.power_levels', simple);
    return this.#state(sender, 'm.room.power_levels', {
      ...simple,
      ...(this.#random.chance(0.1) ? { users_default: this.#random.pick([0, 10, 50]) } : {}),
      ...(this.#random.chance(0.3)
        ? { events: { 'm.room.topic': level(), 'm.room.power_levels': level() } }
        : {}),
      ...(this.#random.chance(0.1) ? { notifications: { room: level() } } : {}),
    });
  }

  /** A level as old rooms may write it. */
  #level(level: number): JsonValue {
    if (this.#options.old !== true || !this.#random.chance(0.15)) return level;
    const texts = [String(level), ` +0${level} `];
    if (this.#options.fractions === false) return this.#random.pick(texts);
    return this.#random.pick<JsonValue>([...texts, new RawNumber(`${level}.7`), new RawNumber(`${level}.0`)]);
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
    if (this.#options.plain === true) return chosen;
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
      rules.eventReferences === 'pairs'
        ? ids.map((id) => [id, { sha256: this.#options.old === true ? 'A'.repeat(43) : 'x' }])
        : ids;
    const depth = this.#depth(prevEvents);
    const json: JsonObject = {
      ...(rules.eventIdFormat === 'domain' ? { event_id: this.#domainId(draft.sender) } : {}),
      type: draft.type,
      sender: draft.sender,
      ...(draft.stateKey === undefined ? {} : { state_key: draft.stateKey }),
      ...(isImplied ? {} : { room_id: roomId }),
      content: draft.content,
      ...(draft.redacts === undefined ? {} : { redacts: draft.redacts }),
      // Coarse steps: ties must be broken by event id.
      origin_server_ts: START + Math.floor(this.#events.length / 4) * 1000 - this.#random.below(3) * 1000,
      depth,
      hashes: { sha256: 'x' },
      signatures: {},
      prev_events: references(prevEvents),
      auth_events: references(this.#authEvents(draft, prevEvents)),
    };
    const event = { eventId: eventIdOf(rules, json), json };
    // Two users' events can be equal to the last byte: such an event is one event.
    if (this.#events.some(({ eventId }) => eventId === event.eventId)) return;
    this.#events.push(event);
    this.#depths.set(event.eventId, depth);
    this.#player.add(event);
  }

  #depth(prevEvents: readonly EventId[]): number {
    if (this.#options.old !== true) return this.#events.length + 1;
    if (this.#random.chance(0.05)) return 1 + this.#random.below(60);
    return 1 + Math.max(0, ...prevEvents.map((id) => this.#depths.get(id) ?? 0));
  }

  #domainId(sender: string): string {
    const digest = createHash('sha256').update(`${this.#seed} ${this.#events.length}`).digest('hex');
    return `$${digest.slice(0, 16)}:${this.#options.old === true ? serverOf(sender) : 'a.org'}`;
  }
}

function serverOf(user: string): string {
  return user.slice(user.indexOf(':') + 1);
}

/** Rolls for leaving, being kicked and third-party invites: see `GraphOptions.plain`. */
function isNotPlain(roll: number): boolean {
  return (roll >= 14 && roll < 20) || (roll >= 28 && roll < 36) || (roll >= 84 && roll < 88);
}
