import type { OpenedProfile } from '@nyx/plugin-sdk/client/data.ts';
import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import { BIO_FIELD, NAME_FIELD, PICTURE_FIELD, SEALED_FIELD } from './fields.ts';

/** A picture as it was chosen and scaled down. */
export type Picture = { readonly data: Uint8Array; readonly mimetype: string };
export type OwnProfile = { readonly name: string; readonly bio: string; readonly picture?: Picture };
/** `picture`: undefined keeps the one there is, null removes it. */
export type ProfileChange = {
  readonly name: string;
  readonly bio: string;
  readonly picture?: Picture | null;
};

type Ports = Pick<
  TrustedContext,
  'self' | 'profiles' | 'sealedProfiles' | 'contacts' | 'media' | 'settings' | 'storage' | 'log'
>;
type Opened = Extract<OpenedProfile, { state: 'open' }>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * Our own profile: one of two forms on the server, public fields or the sealed one, never both. Changes are made one
 * after the other, each from what the server has then.
 */
export class OwnProfileKeeper {
  readonly #ports: Ports;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** What is published now. */
  read(): Promise<OwnProfile> {
    return this.#inOrder(() => this.#read());
  }

  /** Publishes a change, in the form that the switch says. */
  save({ name, bio, picture }: ProfileChange): Promise<void> {
    return this.#inOrder(async () => {
      const before = picture === undefined ? (await this.#read()).picture : undefined;
      const chosen = picture === undefined ? before : (picture ?? undefined);
      await this.#publish({ name, bio, ...(chosen === undefined ? {} : { picture: chosen }) });
    });
  }

  /** The switch was turned: the same profile in the other form. */
  turn(): Promise<void> {
    return this.#inOrder(async () => this.#publish(await this.#read()));
  }

  /** At the start: our other devices may have made the key, and everybody who is a contact gets it. */
  begin(): Promise<void> {
    return this.#inOrder(async () => {
      const { sealedProfiles, storage, contacts } = this.#ports;
      const stored = await storage.getAccountData();
      if (stored !== null && stored !== undefined) await sealedProfiles.restore(stored);
      if (this.#hides) await sealedProfiles.share(await contacts.list());
    });
  }

  addContact(userId: string): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#hides) await this.#ports.sealedProfiles.share([userId]);
    });
  }

  /** A new key for everybody else, and the profile, picture included, sealed anew: what was had before stays behind. */
  block(userId: string): Promise<void> {
    return this.#inOrder(async () => {
      const { sealedProfiles } = this.#ports;
      const { contacts, version } = await sealedProfiles.status();
      if (version === undefined || !contacts.includes(userId)) return;
      const profile = this.#hides ? await this.#read() : undefined;
      await sealedProfiles.rotate([userId]);
      if (profile !== undefined) await this.#publish(profile);
    });
  }

  /** Takes everything back that this plugin made, on the server and on this device. */
  erase(): Promise<void> {
    return this.#inOrder(async () => {
      const { profiles, sealedProfiles, storage } = this.#ports;
      await profiles.set(SEALED_FIELD, undefined);
      await profiles.set(BIO_FIELD, undefined);
      await storage.setAccountData({});
      await sealedProfiles.forget();
    });
  }

  get #hides(): boolean {
    return this.#ports.settings.get('hide') === true;
  }

  async #read(): Promise<OwnProfile> {
    const { profiles, sealedProfiles, self, media } = this.#ports;
    const field = await profiles.get(self.userId, SEALED_FIELD);
    if (field !== undefined) {
      const opened = await sealedProfiles.open(self.userId, field);
      if (opened.state !== 'open') throw new Error(`the own profile is ${opened.state}`);
      return { name: opened.name, bio: opened.bio, ...(await this.#sealedPicture(opened)) };
    }
    const [name, bio, url] = await Promise.all([
      profiles.get(self.userId, NAME_FIELD),
      profiles.get(self.userId, BIO_FIELD),
      profiles.get(self.userId, PICTURE_FIELD),
    ]);
    if (typeof url !== 'string') return { name: text(name), bio: text(bio) };
    const data = await media.download(url);
    return { name: text(name), bio: text(bio), picture: { data, mimetype: typeOf(data) } };
  }

  async #sealedPicture({ avatar }: Opened): Promise<{ picture?: Picture }> {
    const { media, sealedProfiles, self } = this.#ports;
    if (avatar === undefined) return {};
    const sealed = await media.download(avatar.url);
    return { picture: await sealedProfiles.openPicture(self.userId, avatar.url, sealed) };
  }

  async #publish(profile: OwnProfile): Promise<void> {
    if (this.#hides) await this.#publishSealed(profile);
    else await this.#publishOpenly(profile);
  }

  async #publishSealed({ name, bio, picture }: OwnProfile): Promise<void> {
    const { profiles, sealedProfiles, media, storage, contacts } = this.#ports;
    let avatar: { handle: string; url: string } | undefined;
    if (picture !== undefined) {
      const { data, handle } = await sealedProfiles.sealPicture(picture.data, picture.mimetype);
      avatar = { handle, url: await media.upload(data, 'application/octet-stream') };
    }
    const field = await sealedProfiles.seal({ name, bio, ...(avatar === undefined ? {} : { avatar }) });
    // The public fields go first: a failure between the two shows too little rather than too much.
    for (const key of [NAME_FIELD, PICTURE_FIELD, BIO_FIELD]) await profiles.set(key, undefined);
    await profiles.set(SEALED_FIELD, field);
    await sealedProfiles.share(await contacts.list());
    const backup = await sealedProfiles.backup();
    if (typeof backup === 'object' && backup !== null) await storage.setAccountData({ ...backup });
  }

  async #publishOpenly({ name, bio, picture }: OwnProfile): Promise<void> {
    const { profiles, media } = this.#ports;
    const url = picture === undefined ? undefined : await media.upload(picture.data, picture.mimetype);
    await profiles.set(NAME_FIELD, name === '' ? undefined : name);
    await profiles.set(PICTURE_FIELD, url);
    await profiles.set(BIO_FIELD, bio === '' ? undefined : bio);
    await profiles.set(SEALED_FIELD, undefined);
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** The kind of a picture by its first bytes, for one that came without it. */
function typeOf(data: Uint8Array): string {
  const [first, second] = data;
  if (first === 0x89 && second === 0x50) return 'image/png';
  if (first === 0xff && second === 0xd8) return 'image/jpeg';
  if (first === 0x47 && second === 0x49) return 'image/gif';
  return 'image/webp';
}
