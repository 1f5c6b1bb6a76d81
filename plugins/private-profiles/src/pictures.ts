import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import { shallowReactive } from 'vue';

/** What decrypted pictures may hold together; what was not looked at longest goes first. */
export const MAX_PICTURES = 256;
export const MAX_PICTURE_BYTES = 16 * 1024 * 1024;
/** Pictures fetched at once. */
const AT_ONCE = 4;
/** Pictures that wait to be fetched; older wishes are of rows that have scrolled away. */
const MAX_WAITING = 64;
/** A picture that could not be had is not asked for again before. */
const RETRY_MS = 60_000;

type Picture = { readonly address: string; readonly bytes: number };
type Wish = { readonly userId: string; readonly mxc: string };

/** Makes and frees `blob:` addresses; a test counts them. */
export type Addresses = {
  readonly make: (data: Uint8Array, mimetype: string) => string;
  readonly free: (address: string) => void;
};

export const browserAddresses: Addresses = {
  make: (data, mimetype) => URL.createObjectURL(new Blob([new Uint8Array(data)], { type: mimetype })),
  free: (address) => URL.revokeObjectURL(address),
};

type Ports = Pick<TrustedContext, 'media' | 'sealedProfiles' | 'now'>;

/**
 * Decrypted pictures, by the mxc:// address of their ciphertext. The crypto worker decrypts them; here lie only the
 * addresses at which the browser shows them, as many as fit the bound.
 */
export class Pictures {
  readonly #ports: Ports;
  readonly #addresses: Addresses;
  /** In order of use, oldest first. Reactive: rows that asked for one are drawn again when it comes. */
  readonly #shown = shallowReactive(new Map<string, Picture>());
  readonly #used = new Map<string, true>();
  readonly #waiting = new Map<string, Wish>();
  readonly #failed = new Map<string, number>();
  #busy = 0;
  #bytes = 0;
  #closed = false;

  constructor(ports: Ports, addresses: Addresses) {
    this.#ports = ports;
    this.#addresses = addresses;
  }

  get size(): number {
    return this.#used.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The address of a picture of this user, or undefined until it has been fetched. */
  address(userId: string, mxc: string): string | undefined {
    const found = this.#shown.get(mxc);
    if (found !== undefined) {
      this.#used.delete(mxc);
      this.#used.set(mxc, true);
      return found.address;
    }
    this.#wish({ userId, mxc });
    return undefined;
  }

  /** Frees everything. */
  clear(): void {
    this.#waiting.clear();
    this.#failed.clear();
    for (const mxc of [...this.#used.keys()]) this.#drop(mxc);
  }

  close(): void {
    this.#closed = true;
    this.clear();
  }

  #wish(wish: Wish): void {
    const { mxc } = wish;
    if (this.#closed || this.#waiting.has(mxc)) return;
    if ((this.#failed.get(mxc) ?? 0) > this.#ports.now()) return;
    if (this.#waiting.size >= MAX_WAITING) {
      const [oldest] = this.#waiting.keys();
      if (oldest !== undefined) this.#waiting.delete(oldest);
    }
    this.#waiting.set(mxc, wish);
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#busy >= AT_ONCE) return;
    this.#busy += 1;
    try {
      // The newest wish first: it is the row that the person looks at.
      for (let next = [...this.#waiting.values()].at(-1); next !== undefined;) {
        await this.#fetch(next);
        this.#waiting.delete(next.mxc);
        next = [...this.#waiting.values()].filter(({ mxc }) => !this.#shown.has(mxc)).at(-1);
      }
    } finally {
      this.#busy -= 1;
    }
  }

  async #fetch({ userId, mxc }: Wish): Promise<void> {
    try {
      const sealed = await this.#ports.media.download(mxc);
      const { data, mimetype } = await this.#ports.sealedProfiles.openPicture(userId, mxc, sealed);
      if (!this.#closed && !this.#shown.has(mxc)) this.#keep(mxc, data, mimetype);
    } catch {
      // The row shows initials; it asks again later.
      if (this.#failed.size >= MAX_PICTURES) this.#failed.clear();
      this.#failed.set(mxc, this.#ports.now() + RETRY_MS);
    }
  }

  #keep(mxc: string, data: Uint8Array, mimetype: string): void {
    this.#bytes += data.length;
    this.#used.set(mxc, true);
    this.#shown.set(mxc, { address: this.#addresses.make(data, mimetype), bytes: data.length });
    for (const oldest of [...this.#used.keys()]) {
      if (this.#used.size <= MAX_PICTURES && this.#bytes <= MAX_PICTURE_BYTES) return;
      if (oldest !== mxc) this.#drop(oldest);
    }
  }

  #drop(mxc: string): void {
    const picture = this.#shown.get(mxc);
    this.#used.delete(mxc);
    this.#shown.delete(mxc);
    if (picture === undefined) return;
    this.#bytes -= picture.bytes;
    this.#addresses.free(picture.address);
  }
}
