import { defineRoute } from '../route.ts';
import { legacyPaths } from './schemas.ts';

/** Spec: Client-Server API, GET /_matrix/client/v1/media/config, and the same on its old path. */
export const mediaConfigRoutes = (maxBytes: number) => {
  const common = { method: 'GET', auth: 'access_token', limit: 'read', allowGuest: true } as const;
  const handler = () => ({ body: { 'm.upload.size': maxBytes } });
  return [
    defineRoute({
      ...common,
      operation: 'getConfigAuthed',
      paths: ['/_matrix/client/v1/media/config'],
      handler,
    }),
    defineRoute({ ...common, operation: 'getConfig', paths: legacyPaths('/config'), handler }),
  ];
};
