import { shallowReactive } from 'vue';
import { getEvent } from '../../matrix/api/rooms.ts';
import { isRedacted, parseRoomEvent, replyTarget } from '../../matrix/events.ts';
import { bodyOf, previewText } from '../../matrix/timeline/body.ts';
import { clearEntries } from '../../matrix/timeline/clear.ts';
import type { Entry } from '../../matrix/timeline/clear.ts';
import { useRuntime } from '../../stores/session.ts';
import type { ReplyPreview } from './context.ts';

const previewOf = ({ event, clear }: Entry): ReplyPreview => {
  if (isRedacted(event) || (clear.state !== 'clear' && clear.state !== 'decrypted')) {
    return { sender: event.sender, text: undefined, state: 'gone' };
  }
  const body = bodyOf(clear.type, clear.content, replyTarget(event.content) !== undefined);
  return { sender: event.sender, text: previewText(body), state: 'ok' };
};

/** Quotes above replies: from the window when the message is there, else from the store, else from the server. */
export const useReplyPreviews = (roomId: string, inWindow: (eventId: string) => Entry | undefined) => {
  const runtime = useRuntime();
  const fetched = shallowReactive(new Map<string, ReplyPreview>());
  const loading: ReplyPreview = { sender: '', text: undefined, state: 'loading' };
  const gone: ReplyPreview = { sender: '', text: undefined, state: 'gone' };

  const load = async (eventId: string): Promise<void> => {
    const stored = await runtime.db.getFromIndex('events', 'byId', [roomId, eventId]);
    let event = stored?.ev;
    if (event === undefined) {
      const answer = await getEvent(runtime.api, roomId, eventId);
      event = answer.ok ? parseRoomEvent(answer.value) : undefined;
    }
    if (event === undefined) {
      fetched.set(eventId, gone);
      return;
    }
    const [entry] = await clearEntries(runtime.decryptor, roomId, [event]);
    fetched.set(eventId, entry === undefined ? gone : previewOf(entry));
  };

  return (eventId: string): ReplyPreview => {
    const entry = inWindow(eventId);
    if (entry !== undefined) return previewOf(entry);
    const known = fetched.get(eventId);
    if (known !== undefined) return known;
    queueMicrotask(() => {
      if (fetched.has(eventId)) return;
      fetched.set(eventId, loading);
      load(eventId).catch(runtime.platform.report);
    });
    return loading;
  };
};
