import type { Pdu } from '../events/pdu.ts';
import { authorise } from '../auth/authorise.ts';
import { checkAuthEvents, type JudgedPdu } from '../auth/check-auth-events.ts';
import type { AuthDecision } from '../auth/decision.ts';
import type { SignedBy } from '../auth/member.ts';
import { lookupInMap } from '../auth/state-lookup.ts';
import type { JsonObject } from '../json/value.ts';
import { RULES, type RoomVersion, type RoomVersionRules } from '../room-versions/rules.ts';
import { signJson } from '../signing/sign-json.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { stateKeyOf, type StateKey } from '../state/state-key.ts';
import { TestRoom, testSigner, type TestEvent } from './event-factory.ts';

export const ALICE = '@alice:a.example';
export const BOB = '@bob:b.example';
export const MOD = '@mod:a.example';
export const ROOT = '@root:a.example';
export const EVE = '@eve:e.example';

/** How a scene differs from the usual. */
export type SceneOptions = { readonly create?: JsonObject; readonly powerLevels?: JsonObject | 'none' };

/** A room and a state to judge by: Alice made it; she (100), Root (100), Mod (50) and Bob (0) are in it; it is public. */
export class Scene {
  readonly room: TestRoom;
  readonly state = new Map<StateKey, Pdu>();
  readonly version: RoomVersionRules;

  constructor(version: RoomVersion, options: SceneOptions = {}) {
    this.version = RULES[version];
    this.room = new TestRoom({ version, bare: true, createContent: options.create ?? {} });
    this.state.set(stateKeyOf('m.room.create', ''), this.room.create);
    for (const user of [ALICE, BOB, MOD, ROOT]) this.member(user, 'join');
    this.set('m.room.join_rules', '', { join_rule: 'public' });
    if (options.powerLevels !== 'none') this.levels(options.powerLevels ?? {});
  }

  /** Power levels: the scene's users, and what is given. */
  levels(content: JsonObject): this {
    const own: JsonObject = this.version.auth.privilegedCreators ? {} : { [ALICE]: 100 };
    return this.set('m.room.power_levels', '', { users: { ...own, [ROOT]: 100, [MOD]: 50 }, ...content });
  }

  member(user: string, membership: string, content: JsonObject = {}): this {
    return this.set('m.room.member', user, { membership, ...content }, user);
  }

  set(type: string, stateKey: string, content: JsonObject, sender = ALICE): this {
    this.state.set(stateKeyOf(type, stateKey), this.event({ type, stateKey, content, sender }));
    return this;
  }

  without(type: string, stateKey = ''): this {
    this.state.delete(stateKeyOf(type, stateKey));
    return this;
  }

  event(event: TestEvent): Pdu {
    return this.room.build({ prevEvents: [this.room.create.eventId], authEvents: [], ...event });
  }

  judge(event: Pdu, signedBy?: SignedBy): AuthDecision {
    return authorise(this.version, event, lookupInMap(this.state), signedBy);
  }

  /** Judges a member event. */
  acts(sender: string, membership: string, target = sender, content: JsonObject = {}): AuthDecision {
    // Two previous events keep the creator's first join out of the way.
    const prevEvents = [this.room.create.eventId, this.#other()];
    return this.judge(
      this.event({
        type: 'm.room.member',
        stateKey: target,
        sender,
        content: { membership, ...content },
        prevEvents,
      }),
    );
  }

  /** Judges an event that is not about membership. */
  sends(sender: string, type: string, content: JsonObject = {}, stateKey?: string): AuthDecision {
    return this.judge(this.event({ type, sender, content, stateKey }));
  }

  /** Judges new power levels; the scene's own users are kept unless given. */
  changes(sender: string, content: JsonObject): AuthDecision {
    const own: JsonObject = this.version.auth.privilegedCreators ? {} : { [ALICE]: 100 };
    return this.sends(
      sender,
      'm.room.power_levels',
      { users: { ...own, [ROOT]: 100, [MOD]: 50 }, ...content },
      '',
    );
  }

  /** Judges a list of auth events for a message of Bob's. */
  list(events: readonly Pdu[], rejected: readonly Pdu[] = [], create?: JudgedPdu): AuthDecision {
    const event = this.event({ type: 'm.room.message', sender: BOB });
    const judged = events.map((pdu) => ({ pdu, rejected: rejected.includes(pdu) }));
    const accepted = create ?? { pdu: this.room.create, rejected: false };
    return checkAuthEvents(this.version, event, judged, accepted) ?? { allowed: true, rule: 'otherwise' };
  }

  at(type: string, stateKey = ''): Pdu {
    const event = this.state.get(stateKeyOf(type, stateKey));
    if (!event) throw new Error('not in the scene');
    return event;
  }

  /** What `auth_events` of Bob's message should be. */
  get properList(): Pdu[] {
    const list = [this.at('m.room.power_levels'), this.at('m.room.member', BOB)];
    return this.version.auth.createImpliedByRoomId ? list : [this.room.create, ...list];
  }

  #other() {
    return this.at('m.room.member', BOB).eventId;
  }
}

export const TOKEN = 'token';
export const IDENTITY = testSigner(parseServerName('id.example'));

/** Alice's third-party invite to Eve in the room, and a way to accept it. */
export const thirdParty = (
  version: RoomVersion,
  change: (signed: JsonObject) => JsonObject = (signed) => signed,
) => {
  const scene = new Scene(version).set(
    'm.room.third_party_invite',
    TOKEN,
    { public_key: IDENTITY.key.publicKey },
    ALICE,
  );
  const signed = signJson({ mxid: EVE, token: TOKEN, sender: ALICE }, IDENTITY);
  const invites = (by = ALICE, invite: JsonObject = { signed: change(signed) }) =>
    scene.acts(by, 'invite', EVE, { third_party_invite: invite });
  return { scene, invites };
};

/** A create event, changed. */
export const create = (
  version: RoomVersion,
  content: JsonObject,
  event: Partial<TestEvent> = {},
  keepCreator = true,
) => {
  const scene = new Scene(version);
  const creator: JsonObject = scene.version.auth.creatorIsSender || !keepCreator ? {} : { creator: ALICE };
  const room = new TestRoom({ version, bare: true });
  const implied = scene.version.auth.createImpliedByRoomId;
  const pdu = room.build({
    type: 'm.room.create',
    stateKey: '',
    sender: ALICE,
    content: { room_version: version, ...creator, ...content },
    prevEvents: [],
    authEvents: [],
    ...event,
  });
  // The factory names its room; a create event of version 12 must not.
  const { room_id: _roomId, ...bare } = pdu.json;
  return scene.judge(implied && event.roomId === undefined ? { ...pdu, json: bare } : pdu);
};

/** Eve's join, under a join rule and with an earlier membership of hers. */
export function joinBy(
  version: RoomVersion,
  rule: string,
  membership: string,
  content: JsonObject = {},
  levels: JsonObject = {},
): AuthDecision {
  return new Scene(version)
    .levels(levels)
    .set('m.room.join_rules', '', { join_rule: rule })
    .member(EVE, membership)
    .acts(EVE, 'join', EVE, content);
}

/** Eve's knock, under a join rule and with an earlier membership of hers. */
export function knock(version: RoomVersion, rule: string, membership: string): AuthDecision {
  return new Scene(version)
    .set('m.room.join_rules', '', { join_rule: rule })
    .member(EVE, membership)
    .acts(EVE, 'knock');
}

/** Eve's join to a restricted room, authorised by Bob, with servers' signatures as given. */
export function restrictedJoin(version: RoomVersion, signedBy: SignedBy): AuthDecision {
  const scene = new Scene(version).set('m.room.join_rules', '', { join_rule: 'restricted' });
  const content = { membership: 'join', join_authorised_via_users_server: BOB };
  return scene.judge(scene.event({ type: 'm.room.member', stateKey: EVE, sender: EVE, content }), signedBy);
}

/** A join right after the create event. */
export function firstJoin(version: RoomVersion, user: string): AuthDecision {
  const scene = new Scene(version, { powerLevels: 'none' });
  for (const member of [ALICE, BOB, MOD, ROOT]) scene.without('m.room.member', member);
  scene.without('m.room.join_rules');
  return scene.judge(
    scene.event({ type: 'm.room.member', stateKey: user, sender: user, content: { membership: 'join' } }),
  );
}

/** Power levels in a room that has none. */
export function firstLevels(version: RoomVersion, sender: string): AuthDecision {
  return new Scene(version, { powerLevels: 'none' }).changes(sender, { users: { [MOD]: 1000 } });
}

/** The moderator's change of users' levels. */
export function userLevels(version: RoomVersion, now: JsonObject, next: JsonObject): AuthDecision {
  return new Scene(version).levels({ users: now }).changes(MOD, { users: next });
}

/** A redaction of an event with a given id. */
export function redaction(version: RoomVersion, sender: string, target: string): AuthDecision {
  const scene = new Scene(version);
  const event = scene.event({ type: 'm.room.redaction', sender, content: {} });
  return scene.judge({ ...event, redacts: target });
}
