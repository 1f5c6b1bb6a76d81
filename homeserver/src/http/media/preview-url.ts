import { z } from 'zod';
import type { PreviewLinks } from '../../domain/previews/preview-links.ts';
import { defineRoute } from '../route.ts';
import { legacyPaths } from './schemas.ts';

const MAX_URL = 4_096;

const query = z.object({
  url: z.string().max(MAX_URL),
  /** The time for which a preview is wanted: this server has only the newest. */
  ts: z
    .string()
    .regex(/^\d{1,15}$/, 'not a time')
    .optional(),
});

/** Spec: Client-Server API, GET /_matrix/client/v1/media/preview_url, and the same on its old path. */
export const previewRoutes = (previews: PreviewLinks) => {
  const common = {
    method: 'GET',
    auth: 'access_token',
    limit: 'upload',
    query,
  } as const;
  const handler = async ({ query: { url } }: { readonly query: z.output<typeof query> }) => ({
    body: await previews.preview(url),
  });
  return [
    defineRoute({
      ...common,
      operation: 'getUrlPreviewAuthed',
      paths: ['/_matrix/client/v1/media/preview_url'],
      handler,
    }),
    defineRoute({ ...common, operation: 'getUrlPreview', paths: legacyPaths('/preview_url'), handler }),
  ];
};
