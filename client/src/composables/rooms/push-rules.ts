import { recordOf, stringOf } from '../../matrix/events.ts';
import type { Content } from '../../matrix/types.ts';

/** How much a room tells (client-server API, "Push rules"). */
export type RoomMode = 'all' | 'mentions' | 'mute';

type Rule = { id: string; enabled: boolean; notifies: boolean };

const rulesOf = (content: Content | undefined, kind: string): Rule[] => {
  const list = recordOf(content?.global)?.[kind];
  if (!Array.isArray(list)) return [];
  return list.flatMap((one) => {
    const rule = recordOf(one);
    const id = stringOf(rule?.rule_id);
    const actions = rule?.actions;
    return id === undefined
      ? []
      : [
          {
            id,
            enabled: rule?.enabled !== false,
            notifies: Array.isArray(actions) && actions.includes('notify'),
          },
        ];
  });
};

/** What the rules say of one room: an override that tells nothing mutes it, a room rule that tells nothing leaves mentions. */
export const roomMode = (content: Content | undefined, roomId: string): RoomMode => {
  const own = (kind: string): Rule | undefined =>
    rulesOf(content, kind).find((rule) => rule.id === roomId && rule.enabled);
  if (own('override')?.notifies === false) return 'mute';
  return own('room')?.notifies === false ? 'mentions' : 'all';
};

/** Things a person decides on for all rooms, and the rules of the specification that each stands for. */
export const topics = {
  direct: [
    ['underride', '.m.rule.room_one_to_one'],
    ['underride', '.m.rule.encrypted_room_one_to_one'],
  ],
  rooms: [
    ['underride', '.m.rule.message'],
    ['underride', '.m.rule.encrypted'],
  ],
  mentions: [['override', '.m.rule.is_user_mention']],
  everybody: [['override', '.m.rule.is_room_mention']],
  invites: [['override', '.m.rule.invite_for_me']],
} as const satisfies Record<string, readonly (readonly [string, string])[]>;

export type Topic = keyof typeof topics;

/** Whether something is told about: one of its rules being on is enough. A server without a rule tells by default. */
export const tells = (content: Content | undefined, topic: Topic): boolean =>
  topics[topic].some(
    ([kind, id]) => rulesOf(content, kind).find((rule) => rule.id === id)?.enabled !== false,
  );

/** The rule before all others, which silences everything while it is on. */
export const isSilenced = (content: Content | undefined): boolean =>
  rulesOf(content, 'override').some((rule) => rule.id === '.m.rule.master' && rule.enabled);
