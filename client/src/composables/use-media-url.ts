import { inject, onScopeDispose, shallowRef, toValue, watch } from 'vue';
import type { InjectionKey, MaybeRefOrGetter, Ref } from 'vue';

/** Turns mxc:// addresses into object URLs, shared and released by count. */
export interface MediaUrls {
  /** The URL, or undefined when it cannot be had. `size` asks for a thumbnail of that many pixels. */
  acquire(mxc: string, size: number | undefined): Promise<string | undefined>;
  release(mxc: string, size: number | undefined): void;
}

export const mediaUrlsKey: InjectionKey<MediaUrls> = Symbol('media urls');

/** Object URL of an mxc:// address for as long as the component lives; undefined until it is there. */
export const useMediaUrl = (
  mxc: MaybeRefOrGetter<string | undefined>,
  size?: MaybeRefOrGetter<number | undefined>,
): Readonly<Ref<string | undefined>> => {
  const urls = inject(mediaUrlsKey, undefined);
  const url = shallowRef<string>();
  let held: { mxc: string; size: number | undefined } | undefined;
  const letGo = (): void => {
    if (held !== undefined) urls?.release(held.mxc, held.size);
    held = undefined;
  };
  watch(
    () => [toValue(mxc), toValue(size)] as const,
    async ([address, px]) => {
      letGo();
      url.value = undefined;
      if (address === undefined || urls === undefined) return;
      const mine = { mxc: address, size: px };
      held = mine;
      const found = await urls.acquire(address, px);
      if (held === mine) url.value = found;
    },
    { immediate: true },
  );
  onScopeDispose(letGo);
  return url;
};
