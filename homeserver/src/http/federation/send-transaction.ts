import { z } from 'zod';
import type { ReceiveTransaction } from '../../domain/federation/receive-transaction.ts';
import { defineRoute, RawBody } from '../route.ts';
import { originOf } from './schemas.ts';

/** 50 events and 100 ephemeral messages of the largest size that anybody sends. */
const BODY_LIMIT = 12 * 1024 * 1024;

/** Spec: Server-Server API, PUT send. */
export const sendTransactionRoute = (transactions: ReceiveTransaction) =>
  defineRoute({
    operation: 'sendTransaction',
    method: 'PUT',
    paths: ['/_matrix/federation/v1/send/{txnId}'],
    auth: 'federation',
    limit: 'federation',
    body: 'raw',
    bodyLimit: BODY_LIMIT,
    params: z.object({ txnId: z.string().max(512) }),
    handler: async ({ params, requester, request }) => {
      const answer = await transactions.receive(originOf(requester), params.txnId, request.rawBody);
      return { body: new RawBody(answer, 'application/json') };
    },
  });
