import { join } from 'node:path';
import { DiskBlobs } from '../blob/disk.ts';
import { Arrivals } from '../domain/media/arrivals.ts';
import { Downloads } from '../domain/media/downloads.ts';
import { RemoteMedia } from '../domain/media/remote-media.ts';
import { Uploads } from '../domain/media/uploads.ts';
import { randomToken } from '../domain/ids.ts';
import { federationMediaRoutes } from '../http/federation/get-media.ts';
import { mediaConfigRoutes } from '../http/media/config.ts';
import { downloadRoutes, legacyDownloadRoutes } from '../http/media/download.ts';
import { legacyThumbnailRoute, thumbnailRoute } from '../http/media/thumbnail.ts';
import { createMediaRoute, uploadRoute, uploadToRoute } from '../http/media/upload.ts';
import { MongoMedia } from '../storage/mongo/media/mongo-media.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';
import { peerMedia } from './peer-media.ts';
import type { Peers } from './peers.ts';

const BLOB_ID_LENGTH = 32;

/** Thrown for a setting that this version does not carry out: better than files in a place nobody expects. */
class UnsupportedSettingError extends Error {
  override readonly name = 'UnsupportedSettingError';
  readonly code = 'unsupported_setting';
}

/** Uploaded files: their bytes on disk, what is known of them in the database. */
export const wireMedia = (
  { config, platform, db, bus, resources }: Foundation,
  peers: Pick<Peers, 'transport' | 'allows'> | undefined,
): Area => {
  const { clock, random, logger } = platform;
  const { media, server } = config;
  if (media.s3 !== undefined) {
    throw new UnsupportedSettingError('media.s3: keeping media in S3 is not supported by this version');
  }
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
    { store, blobs, arrivals, clock, random },
    { server: server.name, maxBytes: media.maxUpload, expiryMs: media.uploadExpiry },
  );
  const remote = peers && new RemoteMedia({ peers: peerMedia(peers), store, blobs, clock }, media.maxRemote);
  const downloads = new Downloads({ store, blobs, arrivals, clock, remote }, server.name);
  return {
    routes: [
      uploadRoute(uploads),
      createMediaRoute(uploads),
      uploadToRoute(uploads),
      ...mediaConfigRoutes(media.maxUpload),
      ...downloadRoutes(downloads),
      thumbnailRoute(downloads),
      ...(peers === undefined ? [] : federationMediaRoutes(downloads, server.name)),
      ...(media.legacyDownloads ? [...legacyDownloadRoutes(downloads), legacyThumbnailRoute(downloads)] : []),
    ],
    start: async () => {
      const removed = await blobs.sweep((id) => store.refersTo(id));
      if (removed > 0) logger.info({ files: removed }, 'removed uploads that were cut short');
    },
  };
};
