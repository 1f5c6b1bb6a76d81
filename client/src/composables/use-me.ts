import { onScopeDispose, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';
import { profile } from '../matrix/api/account.ts';
import { useSession } from '../stores/session.ts';

const name = ref('');
const avatar = shallowRef<string>();
let loadedFor: string | undefined;

/** Our own profile: fetched once per session, kept for start-up without network, changed in the settings. */
export const useMe = (): {
  userId: string;
  name: Ref<string>;
  avatar: Ref<string | undefined>;
  reload: () => Promise<void>;
} => {
  const session = useSession();
  const userId = session.session?.userId ?? '';
  const localpart = userId.slice(1).split(':')[0] ?? userId;
  const reload = async (): Promise<void> => {
    const { runtime } = session;
    if (runtime === undefined) return;
    const answer = await profile(runtime.api, userId);
    if (!answer.ok) return;
    name.value = answer.value.name ?? localpart;
    avatar.value = answer.value.avatar;
    await runtime.db.put('meta', answer.value, 'profile');
  };
  const stop = watch(
    () => session.runtime,
    async (runtime) => {
      if (runtime === undefined || loadedFor === userId) return;
      loadedFor = userId;
      name.value = localpart;
      avatar.value = undefined;
      await reload();
    },
    { immediate: true },
  );
  onScopeDispose(stop);
  return { userId, name, avatar, reload };
};
