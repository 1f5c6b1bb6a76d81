import type { ShownEvent } from '@nyx/plugin-sdk/client/data.ts';
import { scopeCovers } from '@nyx/plugin-sdk/client/points.ts';
import type { MessageItem } from '../matrix/timeline/items.ts';
import { at, type Live } from './registry.ts';

const DEFAULT_HEIGHT = 72;

const liveFor = (item: MessageItem): Live | undefined =>
  item.raw === undefined || item.locked !== undefined
    ? undefined
    : at('message-renderer').find(({ scope = '' }) => scopeCovers(scope, item.raw?.type ?? ''));

/** The plugin that draws a message, with the message as it gets it; our own kinds are never given away. */
export const rendererOf = (
  item: MessageItem,
  roomId: string,
): { readonly live: Live; readonly event: ShownEvent } | undefined => {
  const live = liveFor(item);
  if (live === undefined || item.raw === undefined) return undefined;
  const event = {
    ...item.raw,
    ...{ roomId, eventId: item.eventId ?? item.key, sender: item.sender },
    ...{ timestamp: item.ts, isOwn: item.own },
  };
  return { live, event };
};

/** Height of a message that a plugin draws, before it was measured (px). */
export const rendererHeight = (item: MessageItem): number | undefined => {
  const live = liveFor(item);
  if (live === undefined) return undefined;
  const { contribution } = live;
  return 'height' in contribution && typeof contribution.height === 'number'
    ? contribution.height
    : DEFAULT_HEIGHT;
};
