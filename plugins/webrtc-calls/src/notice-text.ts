import type { ShownEvent } from '@nyx/plugin-sdk/client/data.ts';
import { parseCallEvent } from './call/contents.ts';
import { heardReason } from './call/state.ts';

/** Key of what the timeline says of a call event. */
export const noticeKey = ({ type, content }: Pick<ShownEvent, 'type' | 'content'>): string => {
  const event = parseCallEvent(type, content);
  if (event?.type === 'm.call.reject') return 'notice.declined';
  if (event?.type === 'm.call.invite') {
    const streams = Object.values(event.content.sdp_stream_metadata ?? {});
    const shows = streams.some(({ purpose, video_muted: dark }) => purpose === 'm.usermedia' && !dark);
    return shows ? 'notice.video' : 'notice.voice';
  }
  if (event?.type !== 'm.call.hangup') return 'notice.failed';
  const reason = heardReason(event.content.reason);
  if (reason === 'busy') return 'notice.busy';
  if (reason === 'no-answer') return 'notice.missed';
  return reason === 'remote-hung-up' ? 'notice.ended' : 'notice.failed';
};
