import type { MetPerson } from '@nyx/plugin-sdk/client/data.ts';
import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import { defineComponent, h, ref, type Component } from 'vue';
import type { TextKey } from './texts.ts';

const MAX_ID = 255;

type Context = Pick<TrustedContext, 'kit' | 't' | 'ui' | 'settings' | 'sealedProfiles'>;

/** Finding somebody by exact user id or by a code, each where the person left it switched on. */
export const meetPane = (context: Context): Component =>
  defineComponent({
    name: 'MeetPeople',
    setup: () => {
      const { kit, ui, settings, sealedProfiles } = context;
      const t = (key: TextKey): string => context.t(key);
      const wanted = ref('');
      const busy = ref(false);
      const meet = async (found: MetPerson | undefined, nobody: TextKey | undefined): Promise<void> => {
        if (found === undefined) {
          if (nobody !== undefined) await ui.toast(t(nobody));
        } else if (found.state === 'mismatch') await ui.toast(t('mismatch'), 'bad');
        else await sealedProfiles.openPerson(found.userId);
      };
      const act = async (work: () => Promise<void>): Promise<void> => {
        if (busy.value) return;
        busy.value = true;
        try {
          await work();
        } catch {
          await ui.toast(t('failed'), 'bad');
        } finally {
          busy.value = false;
        }
      };
      const find = async (): Promise<void> =>
        meet(await sealedProfiles.find(wanted.value.trim()), 'notFound');
      const show = (): Promise<void> =>
        sealedProfiles.showCode({ title: t('showCode'), description: t('codeText') });
      const scan = async (): Promise<void> =>
        meet(await sealedProfiles.scanCode({ title: t('scanCode'), description: t('scanText') }), undefined);
      return () =>
        h('section', { class: 'nyx-meet-people' }, [
          h('h3', t('meet')),
          h(kit.TextField, {
            ...{ modelValue: wanted.value, label: t('findLabel'), maxlength: MAX_ID },
            'onUpdate:modelValue': (value: string) => (wanted.value = value),
          }),
          h(
            kit.Button,
            { disabled: busy.value || wanted.value.trim() === '', onClick: () => act(find) },
            () => t('find'),
          ),
          ...(settings.get('codes') === true
            ? [
                h(kit.Button, { variant: 'soft', onClick: () => act(show) }, () => t('showCode')),
                h(kit.Button, { variant: 'soft', onClick: () => act(scan) }, () => t('scanCode')),
              ]
            : []),
        ]);
    },
  });
