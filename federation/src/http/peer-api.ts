import type { z } from 'zod';
import { jsonObjectSchema } from '../json/json-object-schema.ts';
import type { JsonObject } from '../json/value.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { RoomId } from '../spec/identifiers/room-id.ts';
import { isServerName, type ServerName } from '../spec/identifiers/server-name.ts';
import type { UserId } from '../spec/identifiers/user-id.ts';
import {
  directoryAnswerSchema,
  profileAnswerSchema,
  publicRoomsAnswerSchema,
} from '../spec/schemas/directory.ts';
import {
  eventAuthAnswerSchema,
  missingEventsAnswerSchema,
  pdusAnswerSchema,
  stateAnswerSchema,
  stateIdsAnswerSchema,
} from '../spec/schemas/events.ts';
import { hierarchyAnswerSchema } from '../spec/schemas/hierarchy.ts';
import { inviteAnswerSchema } from '../spec/schemas/invites.ts';
import {
  evaluateAnswerSchema,
  rowsAnswerSchema,
  type EvaluateAnswer,
  type RowsAnswer,
} from '../spec/schemas/listings.ts';
import { joinAnswerSchema, knockAnswerSchema, membershipTemplateSchema } from '../spec/schemas/membership.ts';
import { policySignAnswerSchema } from '../spec/schemas/policy.ts';
import { transactionAnswerSchema } from '../spec/schemas/transactions.ts';
import type { FederationClient } from './federation-client.ts';
import { content, parser } from './wire-body.ts';

const templateSchema = membershipTemplateSchema(jsonObjectSchema);
const joinedSchema = joinAnswerSchema(jsonObjectSchema);
const knockedSchema = knockAnswerSchema(jsonObjectSchema);
const inviteSchema = inviteAnswerSchema(jsonObjectSchema);
const missingSchema = missingEventsAnswerSchema(jsonObjectSchema);
const pdusSchema = pdusAnswerSchema(jsonObjectSchema);
const stateSchema = stateAnswerSchema(jsonObjectSchema);
const authSchema = eventAuthAnswerSchema(jsonObjectSchema);

const spaceSchema = hierarchyAnswerSchema(jsonObjectSchema);

const V1 = '/_matrix/federation/v1';
const V2 = '/_matrix/federation/v2';
const LISTINGS = '/_matrix/federation/unstable/chat.nyx.discovery';
const part = encodeURIComponent;
/** A join to a large room takes its time on both sides. */
const JOIN_TIMEOUT_MS = 120_000;
const MAX_HIERARCHY_BYTES = 5_000_000;
/** A sender waits for it. */
const POLICY_TIMEOUT_MS = 10_000;
const MAX_POLICY_BYTES = 65_536;
/** What a person waits for. */
const PERSON_TIMEOUT_MS = 10_000;

/** The template of a membership event, as another server would like it. */
export type MembershipTemplate = { readonly roomVersion: string; readonly event: JsonObject };

/** What a server that is in a room tells one that has just joined. */
export type JoinAnswer = {
  readonly state: readonly JsonObject[];
  readonly authChain: readonly JsonObject[];
  /** The event with the authorising server's signature, when it added one. */
  readonly event: JsonObject | undefined;
  readonly membersOmitted: boolean;
  readonly serversInRoom: readonly ServerName[];
};

/** What a policy server answers: its signature, by server and key id. */
export type PolicyAnswer = z.output<typeof policySignAnswerSchema>;

/** A page of another server's list of rooms. */
export type PublicRooms = z.output<typeof publicRoomsAnswerSchema>;

/** The operations of the Server-Server API, as calls. Errors are `FederationError`s. */
export class PeerApi {
  readonly #client: FederationClient;

  constructor(client: FederationClient) {
    this.#client = client;
  }

  /** `GET make_join`, `make_leave` or `make_knock`; `versions` are the room versions that we can handle. */
  async make(
    kind: 'join' | 'knock' | 'leave',
    destination: ServerName,
    room: RoomId,
    user: UserId,
    versions: readonly string[],
  ): Promise<MembershipTemplate> {
    const query = kind === 'leave' ? '' : `?${versions.map((version) => `ver=${part(version)}`).join('&')}`;
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/make_${kind}/${part(room)}/${part(user)}${query}`,
      parse: parser(templateSchema),
      ignoreBackoff: true,
    });
    return { roomVersion: answer.room_version, event: answer.event };
  }

  /** `PUT v2/send_join`. */
  async sendJoin(
    destination: ServerName,
    room: RoomId,
    eventId: EventId,
    event: JsonObject,
    omitMembers: boolean,
  ): Promise<JoinAnswer> {
    const answer = await this.#client.request({
      destination,
      method: 'PUT',
      path: `${V2}/send_join/${part(room)}/${part(eventId)}?omit_members=${omitMembers}`,
      ...content(event),
      parse: parser(joinedSchema),
      timeoutMs: JOIN_TIMEOUT_MS,
      ignoreBackoff: true,
    });
    return {
      state: answer.state,
      authChain: answer.auth_chain,
      event: answer.event,
      membersOmitted: answer.members_omitted,
      serversInRoom: answer.servers_in_room.filter(isServerName),
    };
  }

  /** `PUT v2/send_leave`. */
  async sendLeave(destination: ServerName, room: RoomId, eventId: EventId, event: JsonObject): Promise<void> {
    await this.#client.request({
      destination,
      method: 'PUT',
      path: `${V2}/send_leave/${part(room)}/${part(eventId)}`,
      ...content(event),
      parse: () => undefined,
      ignoreBackoff: true,
    });
  }

  /** `PUT send_knock`; answers the stripped state of the room. */
  async sendKnock(
    destination: ServerName,
    room: RoomId,
    eventId: EventId,
    event: JsonObject,
  ): Promise<readonly JsonObject[]> {
    const answer = await this.#client.request({
      destination,
      method: 'PUT',
      path: `${V1}/send_knock/${part(room)}/${part(eventId)}`,
      ...content(event),
      parse: parser(knockedSchema),
      ignoreBackoff: true,
    });
    return answer.knock_room_state;
  }

  /** `PUT v2/invite`; answers the event with the invited server's signature. */
  async invite(
    destination: ServerName,
    room: RoomId,
    eventId: EventId,
    invite: { roomVersion: string; event: JsonObject; state: readonly JsonObject[] },
  ): Promise<JsonObject> {
    const { roomVersion, event, state } = invite;
    const answer = await this.#client.request({
      destination,
      method: 'PUT',
      path: `${V2}/invite/${part(room)}/${part(eventId)}`,
      ...content({ room_version: roomVersion, event, invite_room_state: state }),
      parse: parser(inviteSchema),
      ignoreBackoff: true,
    });
    return answer.event;
  }

  /** `PUT send`; answers the errors by event id. */
  async sendTransaction(
    destination: ServerName,
    txnId: string,
    transaction: JsonObject,
  ): Promise<ReadonlyMap<string, string>> {
    const answer = await this.#client.request({
      destination,
      method: 'PUT',
      path: `${V1}/send/${part(txnId)}`,
      ...content(transaction),
      parse: parser(transactionAnswerSchema),
      timeoutMs: 60_000,
      ignoreBackoff: true,
    });
    return new Map(
      Object.entries(answer.pdus).flatMap(([id, { error }]) =>
        error === undefined ? [] : [[id, error] as const],
      ),
    );
  }

  /** `POST get_missing_events`: events before `latest` that are not before `earliest`. */
  async missingEvents(
    destination: ServerName,
    room: RoomId,
    request: { earliest: readonly EventId[]; latest: readonly EventId[]; limit: number },
  ): Promise<readonly JsonObject[]> {
    const { earliest, latest, limit } = request;
    const answer = await this.#client.request({
      destination,
      method: 'POST',
      path: `${V1}/get_missing_events/${part(room)}`,
      ...content({ earliest_events: earliest, latest_events: latest, limit, min_depth: 0 }),
      parse: parser(missingSchema),
    });
    return answer.events.slice(0, limit);
  }

  /** `GET backfill`. */
  async backfill(
    destination: ServerName,
    room: RoomId,
    from: readonly EventId[],
    limit: number,
  ): Promise<readonly JsonObject[]> {
    const query = from.map((id) => `v=${part(id)}`).join('&');
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/backfill/${part(room)}?${query}&limit=${limit}`,
      parse: parser(pdusSchema),
    });
    return answer.pdus.slice(0, limit);
  }

  /** `GET state_ids`: the state before an event. */
  async stateIds(
    destination: ServerName,
    room: RoomId,
    eventId: EventId,
  ): Promise<{ readonly state: readonly EventId[]; readonly authChain: readonly EventId[] }> {
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/state_ids/${part(room)}?event_id=${part(eventId)}`,
      parse: parser(stateIdsAnswerSchema),
      timeoutMs: JOIN_TIMEOUT_MS,
    });
    return { state: answer.pdu_ids, authChain: answer.auth_chain_ids };
  }

  /** `GET state`: the same as whole events. */
  async state(
    destination: ServerName,
    room: RoomId,
    eventId: EventId,
  ): Promise<{ readonly state: readonly JsonObject[]; readonly authChain: readonly JsonObject[] }> {
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/state/${part(room)}?event_id=${part(eventId)}`,
      parse: parser(stateSchema),
      timeoutMs: JOIN_TIMEOUT_MS,
    });
    return { state: answer.pdus, authChain: answer.auth_chain };
  }

  /** `GET event`. */
  async event(destination: ServerName, eventId: EventId): Promise<JsonObject | undefined> {
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/event/${part(eventId)}`,
      parse: parser(pdusSchema),
    });
    return answer.pdus[0];
  }

  /** `GET event_auth`: the auth chain of an event. */
  async eventAuth(destination: ServerName, room: RoomId, eventId: EventId): Promise<readonly JsonObject[]> {
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/event_auth/${part(room)}/${part(eventId)}`,
      parse: parser(authSchema),
    });
    return answer.auth_chain;
  }

  /** `GET query/directory`. */
  async resolveAlias(
    destination: ServerName,
    alias: string,
  ): Promise<{ readonly room: RoomId; readonly servers: readonly ServerName[] }> {
    const answer = await this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/query/directory?room_alias=${part(alias)}`,
      parse: parser(directoryAnswerSchema),
      ignoreBackoff: true,
    });
    return { room: answer.room_id, servers: answer.servers.filter(isServerName) };
  }

  /** `GET query/profile`, whole or one field: the fields that are set. */
  async profile(
    destination: ServerName,
    user: UserId,
    field?: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    const suffix = field === undefined ? '' : `&field=${part(field)}`;
    return this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/query/profile?user_id=${part(user)}${suffix}`,
      parse: parser(profileAnswerSchema),
      timeoutMs: PERSON_TIMEOUT_MS,
    });
  }

  /** Has a blinded user id evaluated under the key of another server (RFC 9497), which does not learn which it is. */
  async evaluateBlinded(destination: ServerName, element: string): Promise<EvaluateAnswer> {
    return this.#client.request({
      destination,
      method: 'POST',
      path: `${LISTINGS}/evaluate`,
      ...content({ element }),
      parse: parser(evaluateAnswerSchema),
      timeoutMs: PERSON_TIMEOUT_MS,
    });
  }

  /** Rows of those who may be found on another server whose names begin with `prefix`. */
  async listings(destination: ServerName, prefix: string): Promise<RowsAnswer> {
    return this.#client.request({
      destination,
      method: 'GET',
      path: `${LISTINGS}/rows?prefix=${part(prefix)}`,
      parse: parser(rowsAnswerSchema),
      timeoutMs: PERSON_TIMEOUT_MS,
    });
  }

  /** `POST publicRooms`: a page of the rooms that the server lists. */
  async publicRooms(destination: ServerName, request: JsonObject): Promise<PublicRooms> {
    return this.#client.request({
      destination,
      method: 'POST',
      path: `${V1}/publicRooms`,
      ...content(request),
      parse: parser(publicRoomsAnswerSchema),
      timeoutMs: PERSON_TIMEOUT_MS,
    });
  }

  /** `GET hierarchy`: a space and its children, one level. */
  async hierarchy(
    destination: ServerName,
    room: RoomId,
    suggestedOnly: boolean,
  ): Promise<z.output<typeof spaceSchema>> {
    return this.#client.request({
      destination,
      method: 'GET',
      path: `${V1}/hierarchy/${part(room)}?suggested_only=${suggestedOnly}`,
      parse: parser(spaceSchema),
      timeoutMs: PERSON_TIMEOUT_MS,
      maxBytes: MAX_HIERARCHY_BYTES,
    });
  }

  /** `POST sign` of a policy server: the signatures it adds. */
  async policySign(destination: ServerName, event: JsonObject): Promise<PolicyAnswer> {
    return this.#client.request({
      destination,
      method: 'POST',
      path: '/_matrix/policy/v1/sign',
      ...content(event),
      parse: parser(policySignAnswerSchema),
      timeoutMs: POLICY_TIMEOUT_MS,
      maxBytes: MAX_POLICY_BYTES,
    });
  }

  /** `PUT exchange_third_party_invite`: has the server that made a third-party invite invite who redeemed it. */
  async exchangeThirdPartyInvite(destination: ServerName, room: RoomId, event: JsonObject): Promise<void> {
    await this.#client.request({
      destination,
      method: 'PUT',
      path: `${V1}/exchange_third_party_invite/${part(room)}`,
      ...content(event),
      parse: () => undefined,
    });
  }
}
