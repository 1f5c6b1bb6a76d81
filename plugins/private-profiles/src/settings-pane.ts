import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import { defineComponent, h, onMounted, onUnmounted, ref, shallowRef, type Component } from 'vue';
import { codeOf } from './fields.ts';
import { meetPane } from './meet-pane.ts';
import type { OwnProfileKeeper, Picture } from './own-profile.ts';
import { scalePicture } from './scale-picture.ts';
import type { TextKey } from './texts.ts';

const MAX_NAME = 80;
const MAX_BIO = 600;

type Context = Pick<TrustedContext, 'kit' | 't' | 'ui' | 'self' | 'settings' | 'sealedProfiles' | 'on'>;

/** The page under the switches: one's own profile, and meeting people. */
export const settingsPane = (context: Context, own: OwnProfileKeeper): Component =>
  defineComponent({
    name: 'PrivateProfile',
    setup: () => {
      const { kit, ui, self, settings } = context;
      const t = (key: TextKey, values?: Record<string, string>): string => context.t(key, values);
      const name = ref('');
      const bio = ref('');
      const picture = shallowRef<Picture | null>();
      const busy = ref(true);
      const hides = ref(settings.get('hide') === true);
      const act = async (work: () => Promise<void>): Promise<void> => {
        busy.value = true;
        try {
          await work();
        } catch {
          await ui.toast(t('failed'), 'bad');
        } finally {
          busy.value = false;
        }
      };
      const load = async (): Promise<void> => {
        const read = await own.read();
        name.value = read.name;
        bio.value = read.bio;
        picture.value = undefined;
      };
      const save = async (): Promise<void> => {
        const change = { name: name.value.trim(), bio: bio.value.trim() };
        await own.save(picture.value === undefined ? change : { ...change, picture: picture.value });
        picture.value = undefined;
        await ui.toast(t('saved'), 'good');
      };
      const erase = async (): Promise<void> => {
        const question = { title: t('erase'), text: t('eraseText'), confirm: t('erase'), danger: true };
        if (!(await ui.confirm(question))) return;
        await settings.set('hide', false);
        await settings.set('find-by-id', false);
        await own.erase();
        await load();
      };
      const choose = (event: Event): void => {
        const file = event.target instanceof HTMLInputElement ? event.target.files?.[0] : undefined;
        if (file === undefined) return;
        void act(async () => {
          picture.value = await scalePicture(file);
        });
      };
      onMounted(() => act(load));
      const stop = context.on('settings', () => {
        hides.value = settings.get('hide') === true;
      });
      const meet = meetPane(context);
      onUnmounted(stop);
      return () =>
        h('section', { class: 'nyx-private-profile', 'aria-busy': busy.value }, [
          h('h3', t('title')),
          h(kit.NoticeBar, { tone: 'info' }, () =>
            hides.value
              ? t('hiddenNow', { handle: t('stranger', { code: codeOf(self.userId) }) })
              : t('publicNow'),
          ),
          h(kit.TextField, {
            ...{ modelValue: name.value, label: t('name'), maxlength: MAX_NAME },
            'onUpdate:modelValue': (value: string) => (name.value = value),
          }),
          h(kit.TextField, {
            ...{ modelValue: bio.value, label: t('bio'), maxlength: MAX_BIO },
            'onUpdate:modelValue': (value: string) => (bio.value = value),
          }),
          h('label', [
            h('span', t('picture')),
            h('input', { type: 'file', accept: 'image/*', onChange: choose }),
          ]),
          h(kit.Button, { variant: 'ghost', onClick: () => (picture.value = null) }, () =>
            t('removePicture'),
          ),
          h(kit.Button, { variant: 'solid', disabled: busy.value, onClick: () => act(save) }, () =>
            t('save'),
          ),
          h(meet),
          h(kit.Button, { variant: 'danger', disabled: busy.value, onClick: () => act(erase) }, () =>
            t('erase'),
          ),
        ]);
    },
  });
