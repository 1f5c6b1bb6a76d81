import { shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';
import type { RoomRecord } from '../../matrix/types.ts';
import { fileContent } from '../composer/send-files.ts';
import { relation } from '../composer/message-content.ts';
import { useRuntime } from '../../stores/session.ts';
import { useFormat } from '../format/use-format.ts';
import { useErrorText } from '../use-error-text.ts';
import { useToasts } from '../use-toasts.ts';

export type Upload = {
  id: string;
  name: string;
  progress: number;
  error: string;
  abort: AbortController;
  retry: () => void;
};

/** Files on their way into a room: progress, cancel, retry. What is uploaded goes on through the send queue. */
export const useSendFiles = (room: () => RoomRecord, thread: () => string | undefined) => {
  const { t } = useI18n();
  const { bytes } = useFormat();
  const { errorText } = useErrorText();
  const { show } = useToasts();
  const runtime = useRuntime();
  const uploads = shallowRef<readonly Upload[]>([]);

  const patch = (id: string, change: Partial<Upload>): void => {
    uploads.value = uploads.value.map((one) => (one.id === id ? { ...one, ...change } : one));
  };
  const drop = (id: string): void => {
    uploads.value.find((one) => one.id === id)?.abort.abort();
    uploads.value = uploads.value.filter((one) => one.id !== id);
  };

  const send = async (
    file: File,
    caption = '',
    voice?: { durationMs: number; waveform: number[] },
  ): Promise<void> => {
    const id = runtime.platform.newId();
    const abort = new AbortController();
    const { roomId, encryption } = room();
    const again = (): void => {
      drop(id);
      void send(file, caption, voice);
    };
    uploads.value = [...uploads.value, { id, name: file.name, progress: 0, error: '', abort, retry: again }];
    try {
      const content = await fileContent(runtime, {
        file,
        caption,
        encrypted: encryption !== 'none',
        relation: relation({ replyTo: undefined, edits: undefined, thread: thread() }),
        signal: abort.signal,
        onProgress: (progress) => patch(id, { progress }),
        ...(voice === undefined ? {} : { voice }),
      });
      if (content.ok) {
        await runtime.queue.add({ roomId, type: 'm.room.message', content: content.value });
        drop(id);
        return;
      }
      if (content.error.kind === 'aborted') return;
      const tooLarge = content.error.code === 'M_TOO_LARGE' && content.error.message !== '';
      patch(id, {
        error: tooLarge
          ? t('media.tooLarge', { size: bytes(Number(content.error.message)) })
          : errorText(content.error),
      });
    } catch (error) {
      runtime.platform.report(error);
      patch(id, { error: t('error.INTERNAL') });
      show(t('error.INTERNAL'), 'bad');
    }
  };

  return { uploads, send, drop };
};
