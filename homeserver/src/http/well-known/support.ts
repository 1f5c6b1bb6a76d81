import type { Config } from '@nyx/config/schema.ts';
import { DomainError } from '../../domain/errors.ts';
import { defineRoute } from '../route.ts';

/** Spec: Client-Server API, GET /.well-known/matrix/support. */
export const wellKnownSupportRoute = ({ contacts, page }: Config['server']['support']) => {
  const body = {
    ...(contacts.length === 0
      ? {}
      : {
          contacts: contacts.map(({ role, matrixId, email }) => ({
            role,
            ...(matrixId === undefined ? {} : { matrix_id: matrixId }),
            ...(email === undefined ? {} : { email_address: email }),
          })),
        }),
    ...(page === undefined ? {} : { support_page: page }),
  };
  return defineRoute({
    operation: 'getWellknownSupport',
    method: 'GET',
    paths: ['/.well-known/matrix/support'],
    auth: 'none',
    limit: 'none',
    handler: () => {
      if (Object.keys(body).length === 0)
        throw new DomainError('not_found', 'No support contact is configured');
      return { body };
    },
  });
};
