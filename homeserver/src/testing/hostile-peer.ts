import { randomUUID } from 'node:crypto';
import { buildEvent, type EventDraft } from '@nyx/federation/events/builder.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { parsePdu } from '@nyx/federation/events/pdu.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { roomVersionRules } from '@nyx/federation/room-versions/registry.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { buildXMatrix } from '@nyx/federation/signing/x-matrix.ts';
import { signEvent } from '@nyx/federation/signing/sign-event.ts';
import { isEventId, type EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { parseUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { FakeResponse, FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { isRoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

const V1 = '/_matrix/federation/v1';
const V2 = '/_matrix/federation/v2';

const objectOf = (value: JsonValue): JsonObject => {
  if (!isJsonObject(value)) throw new Error(`not an object: ${JSON.stringify(value)}`);
  return value;
};

/** A user of a scripted server who is in a room of a server under test, and can send anything into it. */
export class HostilePeer {
  readonly fake: FakeServer;
  readonly target: string;
  readonly user: UserId;
  readonly room: RoomId;
  readonly rules: RoomVersionRules;
  /** Ids of the events that authorise what the user sends. */
  readonly auth: readonly EventId[];
  /** What the next event is built on. */
  last: Pdu;

  private constructor(
    fake: FakeServer,
    target: string,
    join: Pdu,
    rules: RoomVersionRules,
    auth: readonly EventId[],
  ) {
    this.fake = fake;
    this.target = target;
    this.user = join.sender;
    this.room = join.roomId;
    this.rules = rules;
    this.auth = auth;
    this.last = join;
  }

  /** Joins a public room of the server under test the way a good server does. */
  static async join(
    fake: FakeServer,
    target: string,
    roomId: string,
    localpart = 'mallory',
  ): Promise<HostilePeer> {
    const user = parseUserId(`@${localpart}:${fake.name}`);
    if (!isRoomId(roomId)) throw new Error('not a room id');
    const part = encodeURIComponent;
    const versions = ['6', '10', '11', '12'].map((version) => `ver=${version}`).join('&');
    const template = await fake.send(target, {
      method: 'GET',
      path: `${V1}/make_join/${part(roomId)}/${part(user)}?${versions}`,
    });
    const { room_version: version, event: draft } = objectOf(template.json);
    const rules = roomVersionRules(version);
    if (rules === undefined || draft === undefined) throw new Error(`no template: ${template.text}`);
    const { json, eventId } = signEvent(
      rules,
      { ...objectOf(draft), origin_server_ts: Date.now() },
      fake.signer,
    );
    const joined = await fake.send(target, {
      method: 'PUT',
      path: `${V2}/send_join/${part(roomId)}/${part(eventId)}`,
      content: json,
    });
    if (joined.status !== 200) throw new Error(`not joined: ${joined.text}`);
    const join = parsePdu(rules, json);
    const state = objectOf(joined.json).state;
    const auth = (Array.isArray(state) ? (state as readonly JsonObject[]) : [])
      .filter(
        ({ type }) =>
          type === 'm.room.power_levels' || (type === 'm.room.create' && !rules.auth.createImpliedByRoomId),
      )
      .map((event) => parsePdu(rules, event).eventId);
    return new HostilePeer(fake, target, join, rules, [...auth, join.eventId]);
  }

  /** An event on top of the last one; every part can be replaced. */
  event(change: Partial<EventDraft> = {}): Pdu {
    return buildEvent(
      this.rules,
      {
        roomId: this.room,
        type: 'm.room.message',
        sender: this.user,
        content: { msgtype: 'm.text', body: 'hello' },
        prevEvents: [this.last.eventId],
        authEvents: this.auth,
        depth: this.last.depth + 1,
        originServerTs: Date.now(),
        ...change,
      },
      this.fake.signer,
    );
  }

  /** A good message, remembered as the last event. */
  message(body: string): Pdu {
    this.last = this.event({ content: { msgtype: 'm.text', body } });
    return this.last;
  }

  /** Sends events; answers the errors by event id. Throws unless the transaction was taken. */
  async send(pdus: readonly JsonObject[], txnId?: string): Promise<ReadonlyMap<string, string | undefined>> {
    return fatesOf(await this.fake.sendTransaction(this.target, { pdus }, txnId));
  }

  /** Sends a body as it stands, JSON or not, signed as it stands: a transaction's, unless another path is given. */
  async sendBody(body: string, path = `${V1}/send/${randomUUID()}`): Promise<FakeResponse> {
    const { fake, target } = this;
    const signed = { method: 'PUT', uri: path, destination: target, content: body === '' ? undefined : body };
    return fake.send(target, {
      method: 'PUT',
      path,
      rawBody: body,
      authorization: buildXMatrix(fake.signer, signed),
    });
  }

  /** Sends events as text, each of which may be something else than an event. Answers like {@link HostilePeer.send}. */
  async sendTexts(pdus: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    return fatesOf(await this.sendBody(this.bodyOf(pdus)));
  }

  /** The body of a transaction around events as text. */
  bodyOf(pdus: readonly string[], origin: string = this.fake.name): string {
    return `{"origin":"${origin}","origin_server_ts":1,"pdus":[${pdus.join(',')}]}`;
  }
}

function fatesOf(answer: FakeResponse): ReadonlyMap<string, string | undefined> {
  if (answer.status !== 200) throw new Error(`transaction: ${answer.status} ${answer.text}`);
  const fates = objectOf(objectOf(answer.json).pdus ?? {});
  return new Map(
    Object.entries(fates).map(([id, fate]) => {
      const { error } = objectOf(fate);
      return [id, typeof error === 'string' ? error : undefined];
    }),
  );
}

/** An event id that nobody has. */
export const unknownEventId = (fill: string): EventId => {
  const id = `$${fill.repeat(43).slice(0, 43)}`;
  if (!isEventId(id)) throw new Error('not an event id');
  return id;
};
