import { shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';
import { reportEvent, sendState } from '../../matrix/api/rooms.ts';
import type { MessageItem } from '../../matrix/timeline/items.ts';
import type { TimelineWindow } from '../../matrix/timeline/window.ts';
import type { RoomRecord } from '../../matrix/types.ts';
import { useRooms } from '../../stores/rooms.ts';
import { useRuntime } from '../../stores/session.ts';
import type { ComposerApi } from '../composer/use-composer.ts';
import { permalink } from '../timeline/rich-text.ts';
import type { MessageAction } from '../timeline/context.ts';
import { useErrorText } from '../use-error-text.ts';
import { useToasts } from '../use-toasts.ts';
import type { Powers } from './powers.ts';

/** Dialogs that an action on a message opens. */
export type MessageDialog =
  { kind: 'redact' | 'report' | 'source' | 'forward' | 'react'; item: MessageItem } | undefined;

/** Ends a poll (MSC3381): only who began it may. */
const pollEnd = (eventId: string): Record<string, unknown> => ({
  'm.relates_to': { rel_type: 'm.reference', event_id: eventId },
  'org.matrix.msc3381.poll.end': {},
  'org.matrix.msc1767.text': 'The poll has ended.',
});

/** What a person may do with messages of a room, and doing it. */
export const useMessageActions = (input: {
  room: () => RoomRecord;
  powers: () => Powers;
  window: () => TimelineWindow;
  composer: ComposerApi;
  openThread: (rootId: string) => void;
}) => {
  const { t } = useI18n();
  const runtime = useRuntime();
  const rooms = useRooms();
  const { show } = useToasts();
  const { errorText } = useErrorText();
  const dialog = shallowRef<MessageDialog>();
  const me = runtime.session.userId;

  const canWrite = (type = 'm.room.message', isState = false): boolean => {
    const room = input.room();
    return room.membership === 'join' && input.powers().level(me) >= input.powers().needed(type, isState);
  };

  const may = (action: MessageAction, item: MessageItem): boolean => {
    const sent = item.eventId !== undefined && item.echo === 'sent';
    const { body } = item;
    const gone = body.kind === 'redacted';
    const readable = item.locked === undefined && !gone;
    const room = input.room();
    const writable = room.encryption !== 'foreign';
    switch (action) {
      case 'retry':
      case 'cancel':
        return item.echo === 'failed' || item.echo === 'queued';
      case 'askKey':
        return item.locked?.state === 'waiting';
      case 'reply':
      case 'thread':
        return sent && readable && writable && canWrite();
      case 'react':
        return (
          sent &&
          readable &&
          writable &&
          canWrite(room.encryption === 'none' ? 'm.reaction' : 'm.room.encrypted')
        );
      case 'edit':
        return sent && readable && writable && item.own && body.kind === 'text' && canWrite();
      case 'endPoll':
        return sent && readable && item.own && body.kind === 'poll' && !pollEnded(item) && canWrite();
      case 'copy':
        return readable && 'text' in body;
      case 'link':
        return sent;
      case 'forward':
        return sent && readable && body.kind !== 'poll';
      case 'pin':
        return sent && readable && canWrite('m.room.pinned_events', true);
      case 'source':
        return sent;
      case 'report':
        return sent && !item.own;
      case 'redact':
        return (
          sent &&
          !gone &&
          (item.own || input.powers().level(me) >= input.powers().redact) &&
          canWrite('m.room.redaction')
        );
    }
  };

  /** Whether our own end of it is among what we know of the poll. */
  const pollEnded = (item: MessageItem): boolean =>
    input
      .window()
      .relations.references(item.eventId ?? '')
      .some(
        ({ event, clear }) =>
          event.sender === item.sender && 'type' in clear && clear.type.endsWith('poll.end'),
      );

  const send = (type: string, content: Record<string, unknown>): Promise<unknown> =>
    runtime.queue.add({ roomId: input.room().roomId, type, content });

  const redact = async (eventId: string, reason: string): Promise<void> => {
    await runtime.queue.add({
      roomId: input.room().roomId,
      kind: 'redaction',
      type: 'm.room.redaction',
      content: { redacts: eventId, ...(reason === '' ? {} : { reason }) },
    });
  };

  const react = async (item: MessageItem, key: string): Promise<void> => {
    if (item.eventId === undefined) return;
    const mine = item.reactions.find((one) => one.key === key)?.own;
    if (mine !== undefined) await redact(mine, '');
    else {
      await send('m.reaction', {
        'm.relates_to': { rel_type: 'm.annotation', event_id: item.eventId, key },
      });
    }
  };

  const togglePin = async (eventId: string): Promise<void> => {
    const { roomId, pinned } = input.room();
    const next = pinned.includes(eventId) ? pinned.filter((id) => id !== eventId) : [...pinned, eventId];
    rooms.patch(roomId, { pinned: next });
    const answer = await sendState(runtime.api, {
      roomId,
      type: 'm.room.pinned_events',
      stateKey: '',
      content: { pinned: next },
    });
    if (!answer.ok) {
      rooms.patch(roomId, { pinned });
      show(errorText(answer.error), 'bad');
    }
  };

  const copy = async (text: string): Promise<void> => {
    await navigator.clipboard.writeText(text);
    show(t('message.copied'), 'good');
  };

  const act = async (action: MessageAction, item: MessageItem): Promise<void> => {
    const { eventId, txnId, body } = item;
    const { roomId } = input.room();
    switch (action) {
      case 'retry':
        if (txnId !== undefined) await runtime.queue.retry(txnId);
        return;
      case 'cancel':
        if (txnId !== undefined) await runtime.queue.cancel(txnId);
        return;
      case 'askKey':
        if (eventId === undefined) return;
        await runtime.engine.call('askForKey', { roomId, eventId });
        show(t('locked.asked'));
        return;
      case 'reply':
        if (eventId !== undefined) input.composer.startReply(eventId, item.sender);
        return;
      case 'thread':
        if (eventId !== undefined) input.openThread(eventId);
        return;
      case 'edit':
        if (eventId !== undefined && body.kind === 'text') input.composer.startEdit(eventId, body.text);
        return;
      case 'endPoll':
        if (eventId !== undefined) await send('org.matrix.msc3381.poll.end', pollEnd(eventId));
        return;
      case 'copy':
        if ('text' in body) await copy(body.text);
        return;
      case 'link':
        if (eventId !== undefined)
          await copy(
            permalink(
              roomId,
              eventId,
              [roomId.split(':')[1] ?? ''].filter((one) => one !== ''),
            ),
          );
        return;
      case 'pin':
        if (eventId !== undefined) await togglePin(eventId);
        return;
      case 'redact':
      case 'report':
      case 'source':
      case 'forward':
      case 'react':
        dialog.value = { kind: action, item };
        return;
    }
  };

  const report = async (item: MessageItem, reason: string): Promise<void> => {
    if (item.eventId === undefined) return;
    const answer = await reportEvent(runtime.api, input.room().roomId, item.eventId, reason);
    if (answer.ok) show(t('message.reported'), 'good');
    else show(errorText(answer.error), 'bad');
  };

  /** The newest message of ours that can be edited: what the up arrow opens. */
  const editLast = (items: readonly { kind: string }[]): void => {
    const last = items.findLast(
      (item): item is MessageItem => item.kind === 'message' && may('edit', item as MessageItem),
    );
    if (last !== undefined) void act('edit', last);
  };

  const vote = async (item: MessageItem, answers: string[]): Promise<void> => {
    if (item.eventId === undefined) return;
    await send('org.matrix.msc3381.poll.response', {
      'm.relates_to': { rel_type: 'm.reference', event_id: item.eventId },
      'org.matrix.msc3381.poll.response': { answers },
    });
  };

  const closeDialog = (): void => {
    dialog.value = undefined;
  };

  return { dialog, closeDialog, may, act, react, redact, report, editLast, vote, canWrite };
};
