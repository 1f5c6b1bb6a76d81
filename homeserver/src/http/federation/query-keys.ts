import { isKeyId } from '@nyx/federation/spec/identifiers/key-id.ts';
import { isServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { notaryQueryRequestSchema } from '@nyx/federation/spec/schemas/server-keys.ts';
import type { KeyRequest } from '@nyx/federation/signing/key-ring.ts';
import { z } from 'zod';
import type { KeyNotary } from '../../domain/federation/key-notary.ts';
import { DomainError } from '../../domain/errors.ts';
import { defineRoute } from '../route.ts';

/** Spec: Server-Server API, Querying Keys Through Another Server. */
export const queryKeysRoute = (notary: KeyNotary) =>
  defineRoute({
    operation: 'bulkPerspectivesKeyQuery',
    method: 'POST',
    paths: ['/_matrix/key/v2/query'],
    auth: 'none',
    limit: 'federation',
    bodySchema: notaryQueryRequestSchema,
    handler: async ({ body }) => {
      const requests = Object.entries(body.server_keys).flatMap(([server, keys]): KeyRequest[] => {
        if (!isServerName(server)) return [];
        return Object.entries(keys).flatMap(([keyId, { minimum_valid_until_ts: at = 0 }]) =>
          isKeyId(keyId) ? [{ server, keyId, at }] : [],
        );
      });
      const servers = Object.keys(body.server_keys).filter(isServerName);
      return { body: { server_keys: await notary.answer(servers, requests) } };
    },
  });

/** The same for one server (spec: as above). */
export const queryServerKeysRoute = (notary: KeyNotary) =>
  defineRoute({
    operation: 'perspectivesKeyQuery',
    method: 'GET',
    paths: ['/_matrix/key/v2/query/{serverName}'],
    auth: 'none',
    limit: 'federation',
    params: z.object({ serverName: z.string() }),
    handler: async ({ params }) => {
      if (!isServerName(params.serverName)) throw new DomainError('invalid_param', 'Not a server name');
      return { body: { server_keys: await notary.answer([params.serverName], []) } };
    },
  });
