import { provide } from 'vue';
import { mediaUrlsKey } from './use-media-url.ts';
import type { MediaUrls } from './use-media-url.ts';
import { useSession } from '../stores/session.ts';

/** Gives everything below the running session's avatar cache. */
export const provideMediaUrls = (): void => {
  const session = useSession();
  const urls: MediaUrls = {
    acquire: async (mxc, size) => session.runtime?.avatars.acquire(mxc, size),
    release: (mxc, size) => session.runtime?.avatars.release(mxc, size),
  };
  provide(mediaUrlsKey, urls);
};
