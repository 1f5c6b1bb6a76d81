import { createHash } from 'node:crypto';
import { authorise } from '../auth/authorise.ts';
import { describeDecision, type AuthDecision } from '../auth/decision.ts';
import { selectAuthEvents, type AuthSubject } from '../auth/select-auth-events.ts';
import { buildEvent, type EventDraft } from '../events/builder.ts';
import { referenceHash } from '../events/hash.ts';
import { isStatePdu, type Pdu } from '../events/pdu.ts';
import type { JsonObject } from '../json/value.ts';
import { RULES, type RoomVersion, type RoomVersionRules } from '../room-versions/rules.ts';
import { SigningKey, VerifyKey, type Signer } from '../signing/keys.ts';
import { parseEventId, type EventId } from '../spec/identifiers/event-id.ts';
import type { KeyId } from '../spec/identifiers/key-id.ts';
import { parseRoomId, type RoomId } from '../spec/identifiers/room-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { parseUserId, userIdServer } from '../spec/identifiers/user-id.ts';
import type { ResolutionEvents } from '../state/events.ts';
import { resolveState } from '../state/resolve.ts';
import { stateKeyOf, type StateKey } from '../state/state-key.ts';

/** A server's signing key, the same in every run: its seed is the hash of the name. For tests only. */
export function testSigner(server: ServerName): Signer {
  const seed = createHash('sha256').update(`nyx test key of ${server}`).digest();
  return { server, key: SigningKey.fromSeed('test', seed) };
}

/** How a test room starts. */
export type TestRoomOptions = {
  /** Version 11 by default. */
  readonly version?: RoomVersion;
  /** `@alice:a.example` by default. */
  readonly creator?: string;
  /** `public` by default; any join rule. */
  readonly joinRule?: string;
  /** Added to the create event's content. */
  readonly createContent?: JsonObject;
  /** The content of the power levels; the creator at 100 by default, nobody in version 12. `none` leaves them out. */
  readonly powerLevels?: JsonObject | 'none';
  /** Stop after the create event. */
  readonly bare?: boolean;
  /** Milliseconds since 1970 of the first event; each later event is one second older. */
  readonly startsAt?: number;
};

/** An event to add. What is left out comes from the room: its forward extremities, the state there, the clock. */
export type TestEvent = {
  readonly type: string;
  readonly sender: string;
  readonly stateKey?: string | undefined;
  readonly content?: JsonObject;
  readonly prevEvents?: readonly EventId[];
  readonly authEvents?: readonly EventId[];
  readonly originServerTs?: number;
  readonly depth?: number;
  readonly redacts?: EventId;
  /** Signs instead of the sender's server. */
  readonly signer?: Signer;
  readonly roomId?: RoomId;
};

/** A room with valid, signed events, forks included. Everything is deterministic. */
export class TestRoom implements ResolutionEvents {
  readonly version: RoomVersionRules;
  readonly creator: string;
  readonly events = new Map<EventId, Pdu>();
  /** The event ids of the newest events of every fork. */
  readonly extremities = new Set<EventId>();
  readonly #rejected = new Set<EventId>();
  readonly #stateAfter = new Map<EventId, ReadonlyMap<StateKey, EventId>>();
  readonly #signers = new Map<ServerName, Signer>();
  #clock: number;
  #counter = 0;
  #roomId: RoomId | undefined;

  constructor(options: TestRoomOptions = {}) {
    this.version = RULES[options.version ?? '11'];
    this.creator = options.creator ?? '@alice:a.example';
    this.#clock = options.startsAt ?? 1_700_000_000_000;
    this.#create(options.createContent ?? {});
    if (options.bare === true) return;
    this.join(this.creator);
    if (options.powerLevels !== 'none') {
      const users = this.version.auth.privilegedCreators ? {} : { [this.creator]: 100 };
      this.state('m.room.power_levels', '', options.powerLevels ?? { users });
    }
    this.state('m.room.join_rules', '', { join_rule: options.joinRule ?? 'public' });
  }

  get roomId(): RoomId {
    if (this.#roomId === undefined) throw new Error('the room has no create event');
    return this.#roomId;
  }

  get create(): Pdu {
    const [first] = this.events.values();
    if (!first) throw new Error('the room has no create event');
    return first;
  }

  /** Adds a state event of the creator's, or of `sender`. */
  state(type: string, stateKey: string, content: JsonObject, sender: string = this.creator): Pdu {
    return this.add({ type, stateKey, content, sender });
  }

  /** Adds a message. */
  message(sender: string, body = 'hello'): Pdu {
    return this.add({ type: 'm.room.message', sender, content: { msgtype: 'm.text', body } });
  }

  /** Adds a member event; by default users act on themselves. */
  member(target: string, membership: string, sender: string = target, content: JsonObject = {}): Pdu {
    return this.add({ type: 'm.room.member', stateKey: target, sender, content: { ...content, membership } });
  }

  /** Adds a join. */
  join(user: string): Pdu {
    return this.member(user, 'join');
  }

  /** Builds an event, checks that the state before it allows it, and puts it at the end of the room. */
  add(event: TestEvent): Pdu {
    const pdu = this.build(event);
    const decision = this.judge(pdu);
    if (!decision.allowed)
      throw new Error(`the factory built an event that is ${describeDecision(decision)}`);
    this.accept(pdu);
    return pdu;
  }

  /** Builds and signs an event without checking or keeping it. */
  build(event: TestEvent): Pdu {
    const prevEvents = event.prevEvents ?? [...this.extremities];
    const sender = parseUserId(event.sender);
    const content = event.content ?? {};
    const { type, stateKey } = event;
    this.#counter += 1;
    this.#clock += 1000;
    const signer = event.signer ?? this.signer(userIdServer(sender));
    const draft: EventDraft = {
      roomId: event.roomId ?? this.#roomId,
      type,
      sender,
      stateKey,
      content,
      prevEvents,
      authEvents: event.authEvents ?? this.#selectAuthEvents(prevEvents, { type, sender, stateKey, content }),
      depth: event.depth ?? 1 + Math.max(0, ...prevEvents.map((id) => this.events.get(id)?.depth ?? 0)),
      originServerTs: event.originServerTs ?? this.#clock,
      redacts: event.redacts,
      legacy: {
        eventId: parseEventId(`$${this.#counter}:${signer.server}`),
        referenceHash: (id) => this.#referenceHash(id),
      },
    };
    return buildEvent(this.version, draft, signer);
  }

  /** Whether the state before an event allows it. */
  judge(pdu: Pdu): AuthDecision {
    const before = this.stateBefore(pdu.prevEvents);
    return authorise(this.version, pdu, (type, stateKey) => {
      const id = before.get(stateKeyOf(type, stateKey));
      return id === undefined ? undefined : this.events.get(id);
    });
  }

  /** Puts an event at the end of the room, unchecked. */
  accept(pdu: Pdu): void {
    const after = new Map(this.stateBefore(pdu.prevEvents));
    if (isStatePdu(pdu)) after.set(stateKeyOf(pdu.type, pdu.stateKey), pdu.eventId);
    this.#stateAfter.set(pdu.eventId, after);
    this.events.set(pdu.eventId, pdu);
    for (const id of pdu.prevEvents) this.extremities.delete(id);
    this.extremities.add(pdu.eventId);
  }

  /** Keeps an event as rejected: it is known, but neither state nor an end of the room. */
  reject(pdu: Pdu): void {
    this.events.set(pdu.eventId, pdu);
    this.#stateAfter.set(pdu.eventId, this.stateBefore(pdu.prevEvents));
    this.#rejected.add(pdu.eventId);
  }

  /** The state before an event with these previous events: their states resolved. */
  stateBefore(prevEvents: Iterable<EventId>): ReadonlyMap<StateKey, EventId> {
    const states = [...prevEvents].map((id) => this.stateAfter(id));
    const [first] = states;
    if (!first) return new Map();
    return states.length === 1 ? first : resolveState(this.version, states, this);
  }

  /** The state after an event of the room. */
  stateAfter(eventId: EventId): ReadonlyMap<StateKey, EventId> {
    const state = this.#stateAfter.get(eventId);
    if (!state) throw new Error(`not an event of this room: ${eventId}`);
    return state;
  }

  /** The current state: that after all forks. */
  currentState(): ReadonlyMap<StateKey, EventId> {
    return this.stateBefore(this.extremities);
  }

  /** The event at a place of the current state. */
  current(type: string, stateKey = ''): Pdu | undefined {
    const id = this.currentState().get(stateKeyOf(type, stateKey));
    return id === undefined ? undefined : this.events.get(id);
  }

  /** The signer of a server of the room. */
  signer(server: ServerName): Signer {
    const known = this.#signers.get(server);
    if (known) return known;
    const signer = testSigner(server);
    this.#signers.set(server, signer);
    return signer;
  }

  /** The key of any server, as signature checks look them up. */
  readonly keys = (server: ServerName, keyId: KeyId): VerifyKey | undefined => {
    const { key } = this.signer(server);
    return key.keyId === keyId ? VerifyKey.fromBase64(key.publicKey) : undefined;
  };

  get(eventId: EventId): Pdu | undefined {
    return this.events.get(eventId);
  }

  isRejected(eventId: EventId): boolean {
    return this.#rejected.has(eventId);
  }

  #selectAuthEvents(prevEvents: Iterable<EventId>, subject: AuthSubject): EventId[] {
    const before = this.stateBefore(prevEvents);
    return selectAuthEvents(this.version, subject, (type, stateKey) =>
      before.get(stateKeyOf(type, stateKey)),
    );
  }

  #referenceHash(eventId: EventId): string {
    const event = this.events.get(eventId);
    return event ? referenceHash(this.version, event.json) : '';
  }

  #create(extra: JsonObject): void {
    const server = userIdServer(parseUserId(this.creator));
    const implied = this.version.auth.createImpliedByRoomId;
    if (!implied) this.#roomId = parseRoomId(`!room:${server}`);
    const creator = this.version.auth.creatorIsSender ? {} : { creator: this.creator };
    const content = { room_version: this.version.version, ...creator, ...extra };
    const pdu = this.build({ type: 'm.room.create', stateKey: '', sender: this.creator, content });
    this.#roomId = pdu.roomId;
    this.accept(pdu);
  }
}
