import type { Content } from '../../matrix/types.ts';

export type Written = {
  text: string;
  html: string | undefined;
  msgtype: 'm.text' | 'm.emote';
  mentions: readonly string[];
  mentionsRoom: boolean;
  replyTo: { eventId: string; sender: string } | undefined;
  /** Event that this replaces. */
  edits: string | undefined;
  thread: string | undefined;
};

/** `m.relates_to` of a new message (client-server API, "Rich replies", "Event replacements", "Threading"). */
export const relation = (written: Pick<Written, 'replyTo' | 'edits' | 'thread'>): Content => {
  const { replyTo, edits, thread } = written;
  if (edits !== undefined) return { 'm.relates_to': { rel_type: 'm.replace', event_id: edits } };
  const reply = replyTo === undefined ? {} : { 'm.in_reply_to': { event_id: replyTo.eventId } };
  if (thread !== undefined) {
    return {
      'm.relates_to': {
        rel_type: 'm.thread',
        event_id: thread,
        is_falling_back: replyTo === undefined,
        'm.in_reply_to': { event_id: replyTo?.eventId ?? thread },
      },
    };
  }
  return replyTo === undefined ? {} : { 'm.relates_to': reply };
};

/** Content of an m.room.message for what was written. */
export const messageContent = (written: Written): Content => {
  const users = [
    ...new Set([...written.mentions, ...(written.replyTo === undefined ? [] : [written.replyTo.sender])]),
  ];
  const inner: Content = {
    msgtype: written.msgtype,
    body: written.text,
    ...(written.html === undefined ? {} : { format: 'org.matrix.custom.html', formatted_body: written.html }),
    'm.mentions': {
      ...(users.length > 0 ? { user_ids: users } : {}),
      ...(written.mentionsRoom ? { room: true } : {}),
    },
  };
  if (written.edits === undefined) return { ...inner, ...relation(written) };
  return {
    ...inner,
    body: `* ${written.text}`,
    ...(written.html === undefined ? {} : { formatted_body: `* ${written.html}` }),
    'm.new_content': inner,
    ...relation(written),
  };
};
