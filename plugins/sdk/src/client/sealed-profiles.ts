import type { SealedProfiles } from './apis.ts';
import type { MetPerson, OpenedProfile } from './data.ts';
import type { SealedCall, SealedCallParams } from './sealed-calls.ts';

/** Does what is asked, if it may be; answers have the form that `SealedProfiles` declares. */
export type SealedServices = <C extends SealedCall>(call: C, params: SealedCallParams[C]) => Promise<unknown>;

/** Methods over `call`, as `clientApis` makes them. */
export const sealedProfiles = (call: SealedServices): SealedProfiles => {
  const ask = async <T>(method: SealedCall, params: SealedCallParams[SealedCall]): Promise<T> =>
    (await call(method, params)) as T;
  const tell = async (method: SealedCall, params: SealedCallParams[SealedCall]): Promise<void> => {
    await call(method, params);
  };
  return {
    status: () => ask('status', {}),
    seal: ({ name, bio, avatar }) =>
      ask('seal', { name, bio, ...(avatar === undefined ? {} : { avatar: { ...avatar } }) }),
    open: (userId, field) => ask<OpenedProfile>('open', { userId, field }),
    share: (userIds) => tell('share', { userIds: [...userIds] }),
    rotate: (without) => tell('rotate', { without: [...without] }),
    backup: () => ask('backup', {}),
    restore: (stored) => tell('restore', { stored }),
    forget: () => tell('forget', {}),
    sealPicture: (data, mimetype) => ask('sealPicture', { data, mimetype }),
    openPicture: (userId, url, data) => ask('openPicture', { userId, url, data }),
    showCode: (text) => tell('showCode', { text: { ...text } }),
    scanCode: async (text) => (await ask<MetPerson | null>('scanCode', { text: { ...text } })) ?? undefined,
    find: async (userId) => (await ask<MetPerson | null>('find', { userId })) ?? undefined,
    list: (listed) => tell('list', { listed }),
    openPerson: (userId) => tell('openPerson', { userId }),
  };
};
