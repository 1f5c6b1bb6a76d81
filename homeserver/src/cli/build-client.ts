import { ensureWebClient } from '../services/web-client.ts';
import { tell } from './configuration.ts';
import { UsageError } from './failure.ts';

/** Builds the web client ahead of the first start, for instance into an image. Fails when that does not work. */
export const buildClient = async (): Promise<void> => {
  const state = await ensureWebClient({ env: process.env, report: tell });
  if (state === 'missing') throw new UsageError('There is no web client, and none could be built.');
};
