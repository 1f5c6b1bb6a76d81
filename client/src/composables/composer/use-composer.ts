import { computed, ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { useRouter } from 'vue-router';
import { setDisplayName } from '../../matrix/api/account.ts';
import { sendState, unban } from '../../matrix/api/rooms.ts';
import type { Result } from '../../matrix/api/result.ts';
import { sendTyping } from '../../matrix/api/rooms.ts';
import { OutboxFull } from '../../matrix/send-queue/queue.ts';
import { usePreferences } from '../../stores/preferences.ts';
import { commandOf, runPluginCommand } from '../../plugins/commands.ts';
import { useRuntime } from '../../stores/session.ts';
import { inviteTo, isUserId, joinAny, leave, parseAddress, removeFrom } from '../rooms/room-actions.ts';
import { useErrorText } from '../use-error-text.ts';
import { useToasts } from '../use-toasts.ts';
import { parseCommand } from './commands.ts';
import type { CommandName } from './commands.ts';
import { messageContent } from './message-content.ts';
import { useDraft } from './use-draft.ts';
import type { Draft } from './use-draft.ts';

/** A message larger than this would not fit into an event once encrypted (64 KiB per event). */
const maxBody = 30_000;
const typingEveryMs = 4_000;

/** Writing in one room or thread: the draft, sending, slash commands and typing notices. */
export const useComposer = (roomId: string, thread?: string) => {
  const { t } = useI18n();
  const runtime = useRuntime();
  const router = useRouter();
  const preferences = usePreferences();
  const { show } = useToasts();
  const { errorText } = useErrorText();
  const { draft, load, clear, save } = useDraft(thread === undefined ? roomId : `${roomId}|${thread}`);
  const problem = ref('');
  let typedAt = 0;

  const excess = computed(() => Math.max(0, draft.text.length - maxBody));

  const noteTyping = (): void => {
    problem.value = '';
    if (!preferences.sendTyping || draft.text === '' || draft.text.startsWith('/')) return;
    const now = runtime.platform.now();
    if (now - typedAt < typingEveryMs) return;
    typedAt = now;
    void sendTyping(runtime.api, roomId, runtime.session.userId, true);
  };

  const stopTyping = (): void => {
    if (typedAt === 0) return;
    typedAt = 0;
    void sendTyping(runtime.api, roomId, runtime.session.userId, false);
  };

  const sendText = async (
    text: string,
    how: 'markdown' | 'plain' | 'emote',
    written: Draft,
  ): Promise<void> => {
    const mentions = new Map([...written.mentions].filter(([label]) => text.includes(`@${label}`)));
    const html = how === 'plain' ? undefined : (await import('./markdown.ts')).toHtml(text, mentions);
    const content = messageContent({
      text,
      html,
      msgtype: how === 'emote' ? 'm.emote' : 'm.text',
      mentions: [...mentions.values()],
      mentionsRoom: /(?:^|\s)@room\b/u.test(text),
      replyTo:
        written.replyTo === undefined
          ? undefined
          : { eventId: written.replyTo, sender: written.replySender ?? '' },
      edits: written.edits,
      thread,
    });
    await runtime.queue.add({ roomId, type: 'm.room.message', content });
  };

  const report = (answer: Result<unknown>): boolean => {
    if (!answer.ok) problem.value = errorText(answer.error);
    return answer.ok;
  };

  const runCommand = async (
    { name, rest, usage }: { name: CommandName; rest: string; usage: string },
    written: Draft,
  ): Promise<boolean> => {
    const [first = '', ...others] = rest.split(/\s+/u);
    const reason = others.join(' ');
    const needs = (good: boolean): boolean => {
      if (!good) problem.value = t('composer.usage', { usage });
      return good;
    };
    switch (name) {
      case 'me':
        if (!needs(rest !== '')) return false;
        await sendText(rest, 'emote', written);
        return true;
      case 'shrug':
        await sendText(`${rest}${rest === '' ? '' : ' '}¯\\\\_(ツ)\\_/¯`, 'markdown', written);
        return true;
      case 'plain':
        if (!needs(rest !== '')) return false;
        await sendText(rest, 'plain', written);
        return true;
      case 'spoiler':
        if (!needs(rest !== '')) return false;
        await sendText(`||${rest}||`, 'markdown', written);
        return true;
      case 'invite':
        return needs(isUserId(first)) && report(await inviteTo(runtime, roomId, first));
      case 'kick':
      case 'ban':
        return needs(isUserId(first)) && report(await removeFrom(runtime, roomId, first, name, reason));
      case 'unban':
        return needs(isUserId(first)) && report(await unban(runtime.api, roomId, first));
      case 'topic':
        return report(
          await sendState(runtime.api, {
            roomId,
            type: 'm.room.topic',
            stateKey: '',
            content: { topic: rest },
          }),
        );
      case 'nick':
        return needs(rest !== '') && report(await setDisplayName(runtime.api, runtime.session.userId, rest));
      case 'leave': {
        const left = report(await leave(runtime, roomId));
        if (left) await router.push({ name: 'home' });
        return left;
      }
      case 'join': {
        const target = parseAddress(first);
        if (!needs(target !== undefined) || target === undefined) return false;
        const joined = await joinAny(runtime, target.id, target.via);
        if (joined.ok) await router.push({ name: 'room', params: { roomId: joined.value } });
        return report(joined);
      }
    }
  };

  /** What could not be sent goes back where it was written, before whatever was typed since. */
  const putBack = (written: Draft): void => {
    const since = draft.text;
    Object.assign(draft, written, { text: since === '' ? written.text : `${written.text}\n${since}` });
  };

  /**
   * Sends what is written. The composer is free for the next message at once: what is typed while this one is being
   * stored must neither be lost nor sent twice.
   */
  const send = async (): Promise<boolean> => {
    const typed = draft.text.trim();
    problem.value = '';
    if (typed === '' || excess.value > 0) return false;
    stopTyping();
    const parsed = draft.edits === undefined ? parseCommand(typed) : ({ kind: 'text', text: typed } as const);
    const plugin = parsed.kind === 'unknown' ? commandOf(parsed.name) : undefined;
    if (parsed.kind === 'unknown' && plugin === undefined) {
      problem.value = t('composer.unknownCommand', { name: parsed.name });
      return false;
    }
    const written: Draft = { ...draft, mentions: new Map(draft.mentions) };
    clear();
    try {
      if (plugin !== undefined) {
        const result = await runPluginCommand(plugin, { args: typed.replace(/^\S+\s*/u, ''), roomId });
        if (result === 'failed') {
          problem.value = t('plugins.reject', { name: plugin.live.pluginName });
          putBack(written);
          return false;
        }
        if (result !== undefined && 'send' in result) await runtime.queue.add({ roomId, ...result.send });
        else if (result !== undefined && 'insert' in result) putBack({ ...written, text: result.insert });
        else if (result !== undefined) show(result.notice);
      } else if (parsed.kind === 'command') {
        if (!(await runCommand(parsed, written))) {
          putBack(written);
          return false;
        }
      } else if (parsed.kind === 'text') {
        await sendText(parsed.text, 'markdown', written);
      }
    } catch (error) {
      putBack(written);
      if (error instanceof OutboxFull) show(t('composer.queueFull'), 'bad');
      else throw error;
      return false;
    }
    // It is in the queue: a reload must not offer it once more.
    save();
    return true;
  };

  const startReply = (eventId: string, sender: string): void => {
    draft.edits = undefined;
    draft.replyTo = eventId;
    draft.replySender = sender;
  };
  const startEdit = (eventId: string, text: string): void => {
    draft.replyTo = undefined;
    draft.edits = eventId;
    draft.text = text;
  };
  const stopExtra = (): void => {
    if (draft.edits !== undefined) draft.text = '';
    draft.replyTo = draft.edits = undefined;
  };

  return { draft, problem, excess, load, send, noteTyping, stopTyping, startReply, startEdit, stopExtra };
};

export type ComposerApi = ReturnType<typeof useComposer>;
