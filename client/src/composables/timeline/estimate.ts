import { rendererHeight } from '../../plugins/renderers.ts';
import type { TimelineItem } from '../../matrix/timeline/items.ts';

/** Largest box a picture gets, px. */
export const mediaMax = { width: 360, height: 380 } as const;
const defaultMedia = { width: 280, height: 190 } as const;

/** The box reserved for a picture or video before it is loaded: its aspect ratio, within bounds. */
export const mediaBox = (
  width: number | undefined,
  height: number | undefined,
  available: number,
): { width: number; height: number } => {
  const w = width ?? defaultMedia.width;
  const h = height ?? defaultMedia.height;
  const max = Math.min(mediaMax.width, available);
  const scale = Math.min(1, max / w, mediaMax.height / h);
  // Very thin or very flat pictures keep a box that can be clicked; they are cropped inside it.
  return { width: Math.max(96, Math.round(w * scale)), height: Math.max(64, Math.round(h * scale)) };
};

const lineHeight = 22;
const charWidth = 7.4;

/** Height of a row that was never measured, px. Wrong by some lines at worst; the real height replaces it on mount. */
export const estimateHeight = (item: TimelineItem, width: number): number => {
  switch (item.kind) {
    case 'day':
      return 44;
    case 'unread':
      return 36;
    case 'notice':
      return 30;
    case 'start':
      return 230;
    case 'more':
      return 56;
    case 'message': {
      const column = Math.max(160, Math.min(640, width * 0.72) - 60);
      const chrome = (item.head ? 14 : 3) + (item.head && !item.own ? 20 : 0) + 16;
      const extras =
        (item.reactions.length > 0 ? 34 : 0) +
        (item.replyTo === undefined ? 0 : 52) +
        (item.thread === undefined ? 0 : 32);
      const { body } = item;
      const drawn = rendererHeight(item);
      if (drawn !== undefined) return chrome + drawn + extras;
      if (item.locked !== undefined) return chrome + lineHeight + extras;
      if (body.kind === 'text' || body.kind === 'notice' || body.kind === 'emote') {
        const perLine = column / charWidth;
        const lines = body.text
          .split('\n', 200)
          .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / perLine)), 0);
        return chrome + lines * lineHeight + extras;
      }
      if (body.kind === 'image' || body.kind === 'video') {
        return (
          chrome + mediaBox(body.width, body.height, column).height + (body.caption === '' ? 0 : 28) + extras
        );
      }
      if (body.kind === 'poll') return chrome + 60 + body.poll.answers.length * 52 + extras;
      if (body.kind === 'redacted' || body.kind === 'unknown') return chrome + lineHeight + extras;
      return chrome + 56 + extras;
    }
    default:
      return 40;
  }
};
