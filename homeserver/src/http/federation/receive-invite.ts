import { jsonObjectSchema } from '@nyx/federation/json/json-object-schema.ts';
import { isJsonArray, isJsonObject, ownObject, ownValue } from '@nyx/federation/json/value.ts';
import { inviteRequestSchema } from '@nyx/federation/spec/schemas/invites.ts';
import type { AcceptInvite } from '../../domain/federation/accept-invite.ts';
import { DomainError } from '../../domain/errors.ts';
import { defineRoute } from '../route.ts';
import { bodyOf, eventParams, originOf } from './schemas.ts';

/** The event and the naming state of a room, which may hold a large avatar or topic. */
const BODY_LIMIT = 1024 * 1024;

const inviteSchema = inviteRequestSchema(jsonObjectSchema);

/** Spec: Server-Server API, PUT v2/invite. */
export const receiveInviteRoute = (invites: AcceptInvite) =>
  defineRoute({
    operation: 'sendInviteV2',
    method: 'PUT',
    paths: ['/_matrix/federation/v2/invite/{roomId}/{eventId}'],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: BODY_LIMIT,
    params: eventParams,
    handler: async ({ params, requester, request }) => {
      const body = inviteSchema.safeParse(bodyOf(request.rawBody));
      if (!body.success) throw new DomainError('bad_json', 'An invite needs room_version and event');
      const { room_version: roomVersion, event, invite_room_state: state } = body.data;
      const signed = await invites.accept({
        origin: originOf(requester),
        room: params.roomId,
        eventId: params.eventId,
        roomVersion,
        event,
        strippedState: isJsonArray(state) ? state.filter(isJsonObject) : [],
      });
      return { body: { event: signed } };
    },
  });

/** Spec: Server-Server API, PUT v1/invite: rooms of versions 1 and 2, whose events name their ids. */
export const receiveInviteV1Route = (invites: AcceptInvite) =>
  defineRoute({
    operation: 'sendInviteV1',
    method: 'PUT',
    paths: ['/_matrix/federation/v1/invite/{roomId}/{eventId}'],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: BODY_LIMIT,
    params: eventParams,
    handler: async ({ params, requester, request }) => {
      const event = bodyOf(request.rawBody);
      const state = ownValue(ownObject(event, 'unsigned') ?? {}, 'invite_room_state');
      const signed = await invites.accept({
        origin: originOf(requester),
        room: params.roomId,
        eventId: params.eventId,
        roomVersion: '1',
        event,
        strippedState: isJsonArray(state) ? state.filter(isJsonObject) : [],
      });
      return { body: [200, { event: signed }] };
    },
  });
