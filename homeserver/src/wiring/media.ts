import { join } from 'node:path';
import type { GuardedHttp } from '@nyx/federation/http/guarded-http.ts';
import { sharpImages } from '../adapters/sharp-images.ts';
import { DiskBlobs } from '../blob/disk.ts';
import { Arrivals } from '../domain/media/arrivals.ts';
import { Downloads } from '../domain/media/downloads.ts';
import { RemoteMedia } from '../domain/media/remote-media.ts';
import { Thumbnails } from '../domain/media/thumbnails.ts';
import { Uploads } from '../domain/media/uploads.ts';
import { PreviewLinks } from '../domain/previews/preview-links.ts';
import { randomToken } from '../domain/ids.ts';
import { federationMediaRoutes } from '../http/federation/get-media.ts';
import { mediaConfigRoutes } from '../http/media/config.ts';
import { downloadRoutes, legacyDownloadRoutes } from '../http/media/download.ts';
import { previewRoutes } from '../http/media/preview-url.ts';
import { legacyThumbnailRoute, thumbnailRoute } from '../http/media/thumbnail.ts';
import { createMediaRoute, uploadRoute, uploadToRoute } from '../http/media/upload.ts';
import { retentionJob } from '../jobs/media/retention.ts';
import { thumbnailJob } from '../jobs/media/thumbnail.ts';
import { MongoMedia } from '../storage/mongo/media/mongo-media.ts';
import { mongoPreviews } from '../storage/mongo/media/mongo-previews.ts';
import { MongoThumbnails } from '../storage/mongo/media/mongo-thumbnails.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';
import { pageFetcher } from './page-fetcher.ts';
import { peerMedia } from './peer-media.ts';
import type { Peers } from './peers.ts';

const BLOB_ID_LENGTH = 32;
const RETENTION_EVERY_MS = 3_600_000;

/** Uploaded files and copies of others, thumbnails, previews: bytes on disk, what is known of them in the database. */
export const wireMedia = (
  foundation: Foundation,
  peers: Pick<Peers, 'transport' | 'allows'> | undefined,
  http: GuardedHttp,
): Area => {
  const { config, platform, db, bus, resources, relay } = foundation;
  const { clock, random, logger } = platform;
  const { media, server } = config;
  const allowInsecure = config.federation.allowPrivateAddresses;
  const blobs = new DiskBlobs({
    folder: media.path ?? join(server.dataDir, 'media'),
    newId: () => randomToken(random, BLOB_ID_LENGTH),
    space: platform.processSpace,
    process: platform.processName,
    isAlive: platform.isProcessAlive,
    now: () => clock.now(),
  });
  const store = new MongoMedia(db);
  const arrivals = resources.use(
    new Arrivals(bus, (run, milliseconds) => void setTimeout(run, milliseconds).unref()),
  );
  const uploads = new Uploads(
    { store, blobs, arrivals, clock, random, plugins: foundation.plugins },
    { server: server.name, maxBytes: media.maxUpload, expiryMs: media.uploadExpiry },
  );
  const remote =
    peers &&
    new RemoteMedia({ peers: peerMedia(peers, http, allowInsecure), store, blobs, clock }, media.maxRemote);
  const downloads = new Downloads({ store, blobs, arrivals, clock, remote }, server.name);
  const scaled = new MongoThumbnails(db, clock);
  const images = sharpImages(media.maxImagePixels);
  const thumbnails = new Thumbnails({ store: scaled, blobs, downloads, images, arrivals, queue: relay });
  const retention = retentionJob({ store, thumbnails: scaled, blobs }, clock, media.remoteRetention);
  const previews = new PreviewLinks({
    store: mongoPreviews(db),
    pages: pageFetcher(http, media.previews),
    images,
    keep: (bytes, contentType) => uploads.keepCopy(bytes, contentType),
    clock,
    keepMs: media.previews.cacheFor,
  });
  return {
    routes: [
      uploadRoute(uploads),
      createMediaRoute(uploads),
      uploadToRoute(uploads),
      ...mediaConfigRoutes(media.maxUpload),
      ...downloadRoutes(downloads),
      thumbnailRoute(downloads, thumbnails),
      ...(media.previews.enabled ? previewRoutes(previews) : []),
      ...(peers === undefined ? [] : federationMediaRoutes(downloads, thumbnails, server.name)),
      ...(media.legacyDownloads
        ? [...legacyDownloadRoutes(downloads), legacyThumbnailRoute(downloads, thumbnails)]
        : []),
    ],
    jobs: [thumbnailJob(thumbnails, store), retention],
    schedules: [{ job: retention, everyMs: RETENTION_EVERY_MS, payload: {} }],
    start: async () => {
      const removed = await blobs.sweep(
        async (id) => (await store.refersTo(id)) || (await scaled.refersTo(id)),
      );
      if (removed > 0) logger.info({ files: removed }, 'removed uploads that were cut short');
    },
  };
};
