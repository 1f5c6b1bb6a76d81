import { onScopeDispose, watch } from 'vue';
import { useI18n } from 'vue-i18n';
import { useRouter } from 'vue-router';
import { useToasts } from '../composables/use-toasts.ts';
import { usePeople } from '../stores/people.ts';
import { useRooms } from '../stores/rooms.ts';
import { useSession } from '../stores/session.ts';
import { bundledPlugins } from './bundled.ts';
import type { PluginHost } from './plugin-host.ts';

let current: PluginHost | undefined;

/** The host of the open session, once it has started. */
export const pluginHost = (): PluginHost | undefined => current;

const ending = (): { readonly signal: AbortSignal; readonly end: () => void } => {
  const abort = new AbortController();
  return { signal: abort.signal, end: () => abort.abort() };
};

/** Runs plugins for as long as a session is open. Their code is loaded after the page is up, and only if there is any. */
export const usePluginHost = (): void => {
  const { t, locale } = useI18n();
  const { show } = useToasts();
  const router = useRouter();
  const session = useSession();
  const rooms = useRooms();
  const people = usePeople();
  const isOpen = (): boolean => session.phase === 'ready' && session.runtime !== undefined;

  watch(
    isOpen,
    async (open, _before, onCleanup) => {
      const { runtime } = session;
      if (!open || runtime === undefined || bundledPlugins.length === 0) return;
      const { signal, end } = ending();
      onCleanup(() => {
        end();
        void current?.stop().catch(runtime.platform.report);
        current = undefined;
      });
      const [{ PluginHost }, { uiKit }] = await Promise.all([import('./plugin-host.ts'), import('./kit.ts')]);
      const host = new PluginHost(
        runtime,
        {
          rooms: () => rooms.rooms,
          nameOf: rooms.nameOf,
          ignored: () => rooms.ignored,
          members: async (roomId) => {
            await people.load(roomId);
            await people.loadAll(roomId);
            return (['join', 'invite'] as const).flatMap((membership) =>
              people.list(roomId, membership).map(({ userId, name, avatar }) => ({
                ...{ userId, name, membership },
                ...(avatar === undefined ? {} : { avatar }),
              })),
            );
          },
          openRoom: async (roomId) => {
            await router.push({ name: 'room', params: { roomId } });
          },
          toast: show,
        },
        { locale: () => locale.value, failed: (name) => t('plugins.stopped', { name }), kit: uiKit },
      );
      await host.start(bundledPlugins);
      // The session may have ended meanwhile.
      if (signal.aborted) await host.stop();
      else current = host;
    },
    { immediate: true },
  );

  const known = (): Map<string, 'contact' | 'blocked'> => {
    const all = new Map<string, 'contact' | 'blocked'>();
    for (const { membership, directUser } of rooms.rooms.values())
      if (membership === 'join' && directUser !== undefined) all.set(directUser, 'contact');
    for (const userId of rooms.ignored) all.set(userId, 'blocked');
    return all;
  };
  watch(known, (now, before) => {
    for (const userId of new Set([...now.keys(), ...before.keys()]))
      if (now.get(userId) !== before.get(userId)) current?.contactChanged(userId);
  });
  watch(locale, (to) => current?.localeChanged(to));
  onScopeDispose(() => {
    void current?.stop();
    current = undefined;
  });
};
