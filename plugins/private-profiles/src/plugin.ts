import type { Blocks } from '@nyx/plugin-sdk/client/blocks.ts';
import {
  defineTrustedPlugin,
  type TrustedContext,
  type TrustedPlugin,
} from '@nyx/plugin-sdk/client/plugin.ts';
import { OwnProfileKeeper } from './own-profile.ts';
import { People } from './people.ts';
import { browserAddresses, Pictures, type Addresses } from './pictures.ts';
import { settingsPane } from './settings-pane.ts';
import { TEXTS } from './texts.ts';

/** Works on in the background; what fails is tried again with the next change or start. */
const inBackground = (context: TrustedContext, what: string, work: Promise<void>): void => {
  work.catch((error: unknown) => context.log.warn(`${what}: ${error instanceof Error ? error.message : ''}`));
};

const wire = (context: TrustedContext, addresses: Addresses): void => {
  const { contribute, on, onDispose, settings, sealedProfiles, texts, t } = context;
  texts(TEXTS);
  const pictures = new Pictures(context, addresses);
  const people = new People(context, pictures);
  const own = new OwnProfileKeeper(context);
  contribute('profile-resolver', 'people', { resolveProfile: (userId) => people.resolve(userId) });
  contribute('settings-pane', 'profile', { component: settingsPane(context, own) });
  contribute('user-card', 'about', {
    render: ({ userId }): Blocks | undefined => {
      const bio = people.resolve(userId)?.bio;
      return bio === undefined || bio === ''
        ? undefined
        : [
            { kind: 'heading', text: t('about') },
            { kind: 'text', text: bio },
          ];
    },
  });
  on('settings', async ({ name }) => {
    if (name === 'hide') await own.turn();
    if (name === 'find-by-id') await sealedProfiles.list(settings.get('find-by-id') === true);
    people.look(context.self.userId);
  });
  on('contacts', async ({ userId, relation }) => {
    if (relation === 'contact') await own.addContact(userId);
    if (relation === 'blocked') await own.block(userId);
    people.look(userId);
  });
  on('profile-key', ({ userId }) => people.look(userId));
  on('profile-invite', () => context.ui.toast(t('invited'), 'good'));
  onDispose(() => {
    people.close();
    pictures.close();
  });
  inBackground(context, 'profile', own.begin());
  inBackground(context, 'directory', sealedProfiles.list(settings.get('find-by-id') === true));
};

/** The plugin over a given way to show pictures: tests have no browser. */
export const privateProfiles = (addresses: Addresses): TrustedPlugin =>
  defineTrustedPlugin({ setup: (context) => wire(context, addresses) });

/** Name, text and picture for contacts only; finding each other by exact user id and by QR code. */
export const plugin = privateProfiles(browserAddresses);
