import type { OpenedProfile, ResolvedProfile } from '@nyx/plugin-sdk/client/data.ts';
import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import { shallowReactive } from 'vue';
import { BIO_FIELD, codeOf, SEALED_FIELD } from './fields.ts';
import type { Pictures } from './pictures.ts';

/** Profiles kept in memory. */
export const MAX_PEOPLE = 2_000;
/** Profiles are asked for again when somebody looks at them after this long. */
export const STALE_MS = 10 * 60_000;
/** After no answer. */
const RETRY_MS = 30_000;
const AT_ONCE = 4;

type Known =
  /** Neither sealed nor with anything of ours: as the server says. */
  | { readonly kind: 'public'; readonly bio: string | undefined }
  | { readonly kind: 'hidden' }
  | { readonly kind: 'open'; readonly profile: Extract<OpenedProfile, { state: 'open' }> };
type Entry = { readonly known: Known; readonly until: number };

type Ports = Pick<TrustedContext, 'profiles' | 'sealedProfiles' | 'now' | 't'>;

/** How everybody looks to us: asked for when first drawn, kept within a bound, and drawn again when it comes. */
export class People {
  readonly #ports: Ports;
  readonly #pictures: Pictures;
  readonly #known = shallowReactive(new Map<string, Entry>());
  readonly #waiting = new Set<string>();
  #busy = 0;
  #closed = false;

  constructor(ports: Ports, pictures: Pictures) {
    this.#ports = ports;
    this.#pictures = pictures;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Synchronous, because rows ask while they are drawn. */
  resolve(userId: string): ResolvedProfile | undefined {
    const entry = this.#known.get(userId);
    if (entry === undefined || entry.until <= this.#ports.now()) this.look(userId);
    if (entry === undefined) return undefined;
    const { known } = entry;
    if (known.kind === 'public') return known.bio === undefined ? undefined : { bio: known.bio };
    if (known.kind === 'hidden')
      return { name: this.#ports.t('stranger', { code: codeOf(userId) }), avatarUrl: null };
    const { name, bio, avatar } = known.profile;
    const shown = name === '' ? this.#ports.t('stranger', { code: codeOf(userId) }) : name;
    const address = avatar === undefined ? undefined : this.#pictures.address(userId, avatar.url);
    return { name: shown, bio, avatarUrl: address ?? null };
  }

  /** Asks for a profile anew, whatever is known. */
  look(userId: string): void {
    if (this.#closed || this.#waiting.has(userId)) return;
    this.#waiting.add(userId);
    void this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#known.clear();
  }

  async #work(): Promise<void> {
    if (this.#busy >= AT_ONCE) return;
    this.#busy += 1;
    try {
      for (const userId of this.#waiting) {
        // Removed first: news that come while it is fetched put it in again.
        this.#waiting.delete(userId);
        await this.#fetch(userId);
      }
    } finally {
      this.#busy -= 1;
    }
  }

  async #fetch(userId: string): Promise<void> {
    const { profiles, now } = this.#ports;
    try {
      const field = await profiles.get(userId, SEALED_FIELD);
      const known = field === undefined ? await this.#publicOf(userId) : await this.#open(userId, field);
      this.#keep(userId, { known, until: now() + STALE_MS });
    } catch {
      const before = this.#known.get(userId)?.known ?? { kind: 'public', bio: undefined };
      this.#keep(userId, { known: before, until: now() + RETRY_MS });
    }
  }

  async #publicOf(userId: string): Promise<Known> {
    const bio = await this.#ports.profiles.get(userId, BIO_FIELD);
    return { kind: 'public', bio: typeof bio === 'string' ? bio : undefined };
  }

  async #open(userId: string, field: unknown): Promise<Known> {
    const profile = await this.#ports.sealedProfiles.open(userId, field);
    if (profile.state === 'open') return { kind: 'open', profile };
    // An older copy than the one we have: somebody on the way replays it.
    const before = this.#known.get(userId)?.known;
    if (profile.state === 'refused' && profile.code === 'OLD' && before?.kind === 'open') return before;
    return { kind: 'hidden' };
  }

  #keep(userId: string, entry: Entry): void {
    if (this.#closed) return;
    this.#known.delete(userId);
    this.#known.set(userId, entry);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_PEOPLE && oldest !== undefined) this.#known.delete(oldest);
  }
}
