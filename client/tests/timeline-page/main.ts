/** The real timeline component with generated rooms, driven by tests through `window.contract`. */
import { createApp, defineComponent, h, nextTick, provide, ref, shallowRef } from 'vue';
import { createI18n } from 'vue-i18n';
import '../../src/themes/tokens.css';
import '../../src/themes/base.css';
import TimelineList from '../../src/components/timeline/timeline-list.vue';
import TimelineRow from '../../src/components/timeline/timeline-row.vue';
import { timelineContextKey } from '../../src/composables/timeline/context.ts';
import type { TimelineContext } from '../../src/composables/timeline/context.ts';
import { estimateHeight } from '../../src/composables/timeline/estimate.ts';
import { loadSanitiser } from '../../src/composables/timeline/rich-cache.ts';
import { sanitise } from '../../src/composables/timeline/sanitise.ts';
import { SizeMap } from '../../src/composables/timeline/size-map.ts';
import { timelineEn } from '../../src/i18n/timeline.en.ts';
import type { TimelineItem } from '../../src/matrix/timeline/items.ts';
import { makeItems } from './make-items.ts';

const items = shallowRef<TimelineItem[]>([]);
const live = ref(true);
const height = ref('100%');
const width = ref('100%');
const sizes = new SizeMap();
const nearStart = ref(0);
let onNearStart: (() => void) | undefined;

const context: TimelineContext = {
  ownUserId: '@me:example.org',
  roomId: '!room:example.org',
  group: ref(true),
  person: (userId) => ({ name: userId.slice(1).split(':')[0] ?? userId, avatar: undefined }),
  readers: () => [],
  preview: () => ({ sender: '@a:example.org', text: 'The quoted message', state: 'ok' }),
  may: () => true,
  act: () => undefined,
  react: () => undefined,
  jump: () => undefined,
  openMedia: () => undefined,
  openPerson: () => undefined,
  attachments: {
    state: () => shallowRef({ kind: 'idle' as const }),
    load: () => undefined,
    cancel: () => undefined,
  },
  uploadProgress: () => undefined,
  activeKey: ref(undefined),
  flashed: ref(undefined),
  now: () => 1_800_000_000_000,
};

const list = ref<{ scrollToEnd: () => void; scrollToKey: (key: string) => Promise<boolean> }>();

const Page = defineComponent(() => {
  provide(timelineContextKey, context);
  return () =>
    h('div', { style: { blockSize: '100vh' } }, [
      h('div', { style: { blockSize: height.value, inlineSize: width.value } }, [
        h(
          TimelineList as never,
          {
            ref: list,
            items: items.value,
            sizes,
            estimate: estimateHeight,
            anchorable: (item: TimelineItem) => item.kind === 'message' || item.kind === 'notice',
            live: live.value,
            label: 'Messages',
            onNearStart: () => {
              nearStart.value += 1;
              onNearStart?.();
            },
          },
          {
            default: ({ item }: { item: TimelineItem }) =>
              h(TimelineRow, { item }, { start: () => h('p', 'start') }),
          },
        ),
      ]),
    ]);
});

const contract = {
  scroller: (): HTMLElement => {
    const found = document.querySelector<HTMLElement>('.scroller');
    if (found === null) throw new Error('no scroller yet');
    return found;
  },
  items,
  live,
  height,
  width,
  makeItems,
  nextTick,
  onNearStart: (run: (() => void) | undefined): void => {
    onNearStart = run;
  },
  list,
  sizes,
  estimateHeight,
  sanitise,
};
export type Contract = typeof contract;
declare global {
  interface Window {
    contract: Contract;
  }
}
window.contract = contract;
await loadSanitiser();
createApp(Page)
  .use(
    createI18n({
      legacy: false,
      locale: 'en',
      messages: {
        en: {
          ...timelineEn,
          time: { today: 'Today', yesterday: 'Yesterday' },
          action: { retry: 'Try again', delete: 'Delete', cancel: 'Cancel', close: 'Close' },
        },
      },
    }),
  )
  .mount('#app');
