import { recordOf, stringOf } from '../events.ts';
import { cleanName } from '../store/room-writer.ts';
import { nyxGroupAlgorithm } from '../types.ts';
import type { RoomEvent } from '../types.ts';

/** A line in the timeline that is no message: the i18n key under `notice.` and its names. */
export type NoticeText = { code: string; params: Record<string, string> };

const memberNotice = (event: RoomEvent): NoticeText | undefined => {
  const target = event.state_key ?? '';
  const own = target === event.sender;
  const before = recordOf(event.unsigned?.prev_content);
  const was = stringOf(before?.membership);
  const now = stringOf(event.content.membership);
  const reason = cleanName(event.content.reason, 300);
  const params = { actor: event.sender, target, reason };
  const withReason = (code: string): NoticeText => ({
    code: reason === '' ? code : `${code}Because`,
    params,
  });
  switch (now) {
    case 'join': {
      if (was !== 'join') return { code: 'joined', params };
      const oldName = cleanName(before?.displayname);
      const newName = cleanName(event.content.displayname);
      if (oldName !== newName && newName !== '')
        return { code: 'renamed', params: { ...params, name: newName, old: oldName } };
      if (before?.avatar_url !== event.content.avatar_url) return { code: 'newPicture', params };
      return undefined;
    }
    case 'invite':
      return { code: 'invited', params };
    case 'ban':
      return withReason('banned');
    case 'knock':
      return { code: 'knocked', params };
    case 'leave':
      if (own) return { code: was === 'invite' ? 'declined' : 'left', params };
      if (was === 'ban') return { code: 'unbanned', params };
      return was === 'invite' ? { code: 'withdrawn', params } : withReason('removed');
    default:
      return undefined;
  }
};

/** The notice for a state event, or undefined when it is not worth a line. */
export const noticeOf = (event: RoomEvent): NoticeText | undefined => {
  const params = { actor: event.sender };
  // What a room is created with is no change worth a line.
  const first = event.unsigned?.prev_content === undefined;
  switch (event.type) {
    case 'm.room.member':
      return memberNotice(event);
    case 'm.room.create':
      return { code: 'created', params };
    case 'm.room.name': {
      const name = cleanName(event.content.name);
      return { code: name === '' ? 'nameRemoved' : 'named', params: { ...params, name } };
    }
    case 'm.room.topic': {
      const topic = cleanName(event.content.topic, 300);
      return { code: topic === '' ? 'topicRemoved' : 'topic', params: { ...params, topic } };
    }
    case 'm.room.avatar':
      return { code: 'roomPicture', params };
    case 'm.room.encryption':
      return {
        code: event.content.algorithm === nyxGroupAlgorithm ? 'encrypted' : 'encryptedForeign',
        params,
      };
    case 'm.room.join_rules':
      if (first) return undefined;
      return { code: event.content.join_rule === 'public' ? 'madePublic' : 'madePrivate', params };
    case 'm.room.pinned_events':
      return { code: 'pinned', params };
    case 'm.room.power_levels':
      if (first) return undefined;
      return { code: 'roles', params };
    case 'm.room.tombstone':
      return { code: 'replaced', params };
    default:
      return undefined;
  }
};
