import { RpcError } from '../rpc/messages.ts';
import type { MetPerson, OpenedProfile } from './data.ts';
import type { AllowedSealedCall } from './sealed-calls.ts';

type Avatar = { readonly handle: string; readonly url: string };
type Sealed = { readonly name: string; readonly bio: string; readonly avatar?: Avatar };
type Picture = { readonly plain: Uint8Array; readonly mimetype: string };

/** What tells a device that it got a key. */
export type KeyListener = (notice: 'profile-key' | 'profile-invite', userId: string) => Promise<void>;

/**
 * Sealed profiles of everybody in a test, with the same rules as the real ones and no cryptography: a field names a
 * version and holds nothing else, and who has that version reads what was sealed. Devices of a user share everything.
 */
export class TestProfiles {
  /** Versions that a user (`reader|owner`) has. */
  readonly #keys = new Map<string, Set<string>>();
  readonly #own = new Map<string, { version: string; readonly contacts: Set<string> }>();
  readonly #fields = new Map<string, Sealed>();
  readonly #pictures = new Map<string, Picture>();
  readonly #listeners = new Map<string, Set<KeyListener>>();
  readonly #next: () => number;
  /** Users who may be found. */
  readonly listed = new Set<string>();

  constructor(next: () => number) {
    this.#next = next;
  }

  /** Tells of keys that this user gets. */
  listen(userId: string, listener: KeyListener): void {
    const all = this.#listeners.get(userId) ?? new Set();
    this.#listeners.set(userId, all.add(listener));
  }

  status(userId: string): { readonly version?: string; readonly contacts: readonly string[] } {
    const own = this.#own.get(userId);
    return own === undefined ? { contacts: [] } : { version: own.version, contacts: [...own.contacts] };
  }

  seal(userId: string, profile: Sealed): unknown {
    const { version } = this.#ownOf(userId);
    const id = `sealed${this.#next()}`;
    this.#fields.set(id, structuredClone(profile));
    return { v: 'chat.nyx.profile.v1', version, nonce: '', ciphertext: id };
  }

  open(reader: string, owner: string, field: unknown): OpenedProfile {
    const { version, ciphertext } = (field ?? {}) as { version?: unknown; ciphertext?: unknown };
    const sealed = typeof ciphertext === 'string' ? this.#fields.get(ciphertext) : undefined;
    if (typeof version !== 'string' || sealed === undefined) return { state: 'refused', code: 'MALFORMED' };
    if (this.#keys.get(`${reader}|${owner}`)?.has(version) !== true) return { state: 'locked', version };
    const { name, bio, avatar } = sealed;
    if (avatar === undefined) return { state: 'open', version, name, bio };
    const picture = this.#pictures.get(avatar.handle);
    const { plain, mimetype } = picture ?? { plain: new Uint8Array(0), mimetype: 'image/webp' };
    return { state: 'open', version, name, bio, avatar: { url: avatar.url, mimetype, size: plain.length } };
  }

  async share(userId: string, userIds: readonly string[]): Promise<void> {
    const { contacts, version } = this.#ownOf(userId);
    for (const other of userIds) {
      if (contacts.has(other)) continue;
      contacts.add(other);
      await this.#give(userId, other, version);
    }
  }

  async rotate(userId: string, without: readonly string[]): Promise<void> {
    const own = this.#ownOf(userId);
    for (const other of without) own.contacts.delete(other);
    own.version = `version${this.#next()}`;
    this.#keysOf(userId, userId).add(own.version);
    for (const other of own.contacts) await this.#give(userId, other, own.version);
  }

  forget(userId: string): void {
    this.#own.delete(userId);
    for (const name of this.#keys.keys()) if (name.startsWith(`${userId}|`)) this.#keys.delete(name);
  }

  sealPicture(plain: Uint8Array, mimetype: string): { readonly data: Uint8Array; readonly handle: string } {
    const handle = `picture${this.#next()}`;
    this.#pictures.set(handle, { plain: plain.slice(), mimetype });
    return { data: new TextEncoder().encode(handle), handle };
  }

  openPicture(data: Uint8Array): { readonly data: Uint8Array; readonly mimetype: string } {
    const found = this.#pictures.get(new TextDecoder().decode(data));
    if (found === undefined) throw new RpcError('damaged', 'not a sealed picture');
    return { data: found.plain.slice(), mimetype: found.mimetype };
  }

  /** Somebody scans a code of `shown`. */
  async scan(by: string, shown: string): Promise<MetPerson> {
    await this.share(shown, [by]);
    await this.#tell(shown, 'profile-invite', by);
    return { userId: shown, state: 'pinned' };
  }

  #ownOf(userId: string): { version: string; readonly contacts: Set<string> } {
    const known = this.#own.get(userId);
    if (known !== undefined) return known;
    const made = { version: `version${this.#next()}`, contacts: new Set<string>() };
    this.#own.set(userId, made);
    this.#keysOf(userId, userId).add(made.version);
    return made;
  }

  #keysOf(reader: string, owner: string): Set<string> {
    const name = `${reader}|${owner}`;
    const known = this.#keys.get(name) ?? new Set<string>();
    this.#keys.set(name, known);
    return known;
  }

  async #give(owner: string, reader: string, version: string): Promise<void> {
    this.#keysOf(reader, owner).add(version);
    await this.#tell(reader, 'profile-key', owner);
  }

  async #tell(userId: string, notice: Parameters<KeyListener>[0], about: string): Promise<void> {
    for (const listener of this.#listeners.get(userId) ?? []) await listener(notice, about);
  }
}

/** What the test says and sees of codes and pages. */
type Stage = {
  readonly scanned: { readonly owner: string } | undefined;
  readonly ui: { readonly shownCodes: string[]; readonly opened: string[] };
};

/** Does what the plugin of `userId` asks about sealed profiles. */
export async function answerSealed(
  all: TestProfiles,
  userId: string,
  { scanned, ui }: Stage,
  { call, params }: AllowedSealedCall,
): Promise<unknown> {
  switch (call) {
    case 'status':
      return all.status(userId);
    case 'seal': {
      const { avatar, ...rest } = params;
      return all.seal(userId, { ...rest, ...(avatar === undefined ? {} : { avatar }) });
    }
    case 'open':
      return all.open(userId, params.userId, params.field);
    case 'share':
      return all.share(userId, params.userIds);
    case 'rotate':
      return all.rotate(userId, params.without);
    case 'backup':
      return { backup: userId };
    case 'restore':
      return null;
    case 'forget':
      all.forget(userId);
      return null;
    case 'sealPicture':
      return all.sealPicture(params.data, params.mimetype);
    case 'openPicture':
      return all.openPicture(params.data);
    case 'showCode':
      ui.shownCodes.push(userId);
      return null;
    case 'scanCode':
      return scanned === undefined ? null : all.scan(userId, scanned.owner);
    case 'find':
      return all.listed.has(params.userId) ? { userId: params.userId, state: 'pinned' } : null;
    case 'list':
      if (params.listed) all.listed.add(userId);
      else all.listed.delete(userId);
      return null;
    case 'openPerson':
      ui.opened.push(`user ${params.userId}`);
      return null;
  }
}
