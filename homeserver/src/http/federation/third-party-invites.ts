import { jsonObjectSchema } from '@nyx/federation/json/json-object-schema.ts';
import { ownObject, type JsonObject } from '@nyx/federation/json/value.ts';
import {
  exchangeRequestSchema,
  onBindRequestSchema,
} from '@nyx/federation/spec/schemas/third-party-invites.ts';
import type { ThirdPartyInvites } from '../../domain/federation/third-party-invites.ts';
import { DomainError } from '../../domain/errors.ts';
import { defineRoute } from '../route.ts';
import { bodyOf, EVENT_BODY_LIMIT, originOf, roomParams } from './schemas.ts';

/** Spec: Server-Server API, PUT 3pid/onbind (identity servers do not sign) and PUT exchange_third_party_invite. */
export const thirdPartyInviteRoutes = (invites: ThirdPartyInvites) => [
  defineRoute({
    operation: 'onBindThirdPartyIdentifier',
    method: 'PUT',
    paths: ['/_matrix/federation/v1/3pid/onbind'],
    auth: 'none',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    bodySchema: onBindRequestSchema,
    handler: async ({ body }) => {
      const redeemed = body.invites.map((invite) => ({
        room: invite.room_id,
        sender: invite.sender,
        target: invite.mxid,
        signed: jsonObjectSchema.parse(invite.signed),
      }));
      await invites.onBind(body.mxid, redeemed);
      return {};
    },
  }),
  defineRoute({
    operation: 'exchangeThirdPartyInvite',
    method: 'PUT',
    paths: ['/_matrix/federation/v1/exchange_third_party_invite/{roomId}'],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: roomParams,
    handler: async ({ params, requester, request }) => {
      const json = bodyOf(request.rawBody);
      const read = exchangeRequestSchema.safeParse(json);
      if (!read.success) throw new DomainError('bad_json', 'Not a redeemed third-party invite');
      if (read.data.room_id !== params.roomId) {
        throw new DomainError('invalid_param', 'The event is not of the room in the path');
      }
      await invites.exchange(originOf(requester), {
        room: params.roomId,
        sender: read.data.sender,
        target: read.data.state_key,
        signed: signedOf(json),
      });
      return {};
    },
  }),
];

/** The proof without loss, and without what the other server put beside it. */
const signedOf = (event: JsonObject): JsonObject => {
  const invite = ownObject(ownObject(event, 'content') ?? {}, 'third_party_invite');
  return ownObject(invite ?? {}, 'signed') ?? {};
};
