import { onMounted, onUnmounted } from 'vue';
import { useI18n } from 'vue-i18n';
import { useRouter } from 'vue-router';
import { replyTarget } from '../matrix/events.ts';
import { isMessageLike } from '../matrix/store/room-writer.ts';
import type { SyncChanges } from '../matrix/sync/apply.ts';
import { bodyOf, previewText } from '../matrix/timeline/body.ts';
import { clearEntries } from '../matrix/timeline/clear.ts';
import { usePeople } from '../stores/people.ts';
import { usePreferences } from '../stores/preferences.ts';
import { useRooms } from '../stores/rooms.ts';
import { useRuntime, useSession } from '../stores/session.ts';

/** A short, quiet two-tone sound, made here: no file to load. */
const chime = (): void => {
  const audio = new AudioContext();
  const gain = audio.createGain();
  gain.connect(audio.destination);
  gain.gain.setValueAtTime(0.06, audio.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.35);
  for (const [at, hz] of [
    [0, 660],
    [0.09, 880],
  ] as const) {
    const tone = audio.createOscillator();
    tone.frequency.value = hz;
    tone.connect(gain);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + 0.35);
  }
  setTimeout(() => void audio.close(), 600);
};

/**
 * Tells about new messages that count as unread on the server's rules, unless their room is on screen. The text shows
 * only when the person chose so.
 */
export const useNotifications = (): void => {
  const { t } = useI18n();
  const router = useRouter();
  const session = useSession();
  const preferences = usePreferences();
  const rooms = useRooms();
  const people = usePeople();

  const tell = async (changes: SyncChanges): Promise<void> => {
    if (session.sync.kind !== 'live') return;
    const runtime = useRuntime();
    for (const { room, appended } of changes.rooms) {
      const event = appended.findLast((one) => isMessageLike(one) && one.sender !== runtime.session.userId);
      const away = document.visibilityState === 'hidden' || !document.hasFocus();
      if (event === undefined || (room.unread === 0 && room.highlight === 0)) continue;
      if (!away && rooms.selected === room.roomId) continue;
      if (preferences.sounds) chime();
      if (!away || !preferences.desktopNotices || Notification.permission !== 'granted') continue;
      let body = t('notify.body');
      if (preferences.previewInNotices) {
        const [entry] = await clearEntries(runtime.decryptor, room.roomId, [event]);
        const clear = entry?.clear;
        if (clear?.state === 'clear' || clear?.state === 'decrypted') {
          const parsed = bodyOf(clear.type, clear.content, replyTarget(event.content) !== undefined);
          body = `${people.nameIn(room.roomId, event.sender)}: ${previewText(parsed) ?? t(`body.${parsed.kind}`)}`;
        }
      }
      const notice = new Notification(
        preferences.previewInNotices ? rooms.nameOf(room) || t('notify.title') : t('notify.title'),
        {
          body,
          tag: room.roomId,
          icon: './icon.svg',
        },
      );
      notice.onclick = () => {
        window.focus();
        void router.push({ name: 'room', params: { roomId: room.roomId } });
      };
    }
  };

  /** Ctrl+K finds, Alt with arrows moves between conversations. */
  const onKey = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      document.getElementById('room-search')?.focus();
      return;
    }
    if (!event.altKey || (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')) return;
    event.preventDefault();
    const index = rooms.listed.findIndex((room) => room.roomId === rooms.selected);
    const next = rooms.listed[index + (event.key === 'ArrowDown' ? 1 : -1)];
    if (next !== undefined) void router.push({ name: 'room', params: { roomId: next.roomId } });
  };

  let stop: (() => void) | undefined;
  onMounted(() => {
    addEventListener('keydown', onKey);
    stop = session.runtime?.onSync.on(
      (changes) => void tell(changes).catch(session.runtime?.platform.report),
    );
  });
  onUnmounted(() => {
    removeEventListener('keydown', onKey);
    stop?.();
  });
};
