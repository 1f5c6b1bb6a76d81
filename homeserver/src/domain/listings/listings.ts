import { MAX_ROWS } from '@nyx/federation/spec/schemas/listings.ts';
import { hkdfSync } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';
import type { BlindEvaluator, Listing, ListingStore } from '../../ports/listings.ts';
import { DomainError } from '../errors.ts';

/** A client that is used renews its row long before. */
const LIFETIME_MS = 60 * 24 * 60 * 60 * 1000;
/** An answer holds at least so many rows where there are so many: which of them was meant, the server cannot see. */
const FEWEST_ROWS = 8;
const MAX_DIGITS = 8;
const ID_BYTES = 16;
const ID_INFO = 'chat.nyx/discovery/id';

/** Digits of a name that leave at least `FEWEST_ROWS` of `rows` in an answer. */
export const digitsFor = (rows: number): number => {
  let digits = 0;
  while (digits < MAX_DIGITS && rows / 16 ** (digits + 1) >= FEWEST_ROWS) digits += 1;
  return digits;
};

const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');

/**
 * Who of this server may be found by exact user id. A row tells nothing to whoever reads the table: its name, and the
 * key of its content, are outputs of a function that only a look-up at this server computes, one user id at a time.
 */
export class Listings {
  readonly #store: ListingStore;
  readonly #evaluator: BlindEvaluator;
  readonly #clock: Clock;

  constructor(store: ListingStore, evaluator: BlindEvaluator, clock: Clock) {
    this.#store = store;
    this.#evaluator = evaluator;
    this.#clock = clock;
  }

  /** Throws `invalid_param` for what is no point of the group. */
  async evaluate(element: string): Promise<{ readonly evaluated: string; readonly digits: number }> {
    const evaluated = this.#evaluator.evaluate(decode(element));
    if (evaluated === undefined) throw new DomainError('invalid_param', 'Not an element of the group');
    return { evaluated: encode(evaluated), digits: digitsFor(await this.#store.count()) };
  }

  /** Throws `invalid_param` for a prefix so short that the answer would be too long. */
  async rows(prefix: string): Promise<readonly Listing[]> {
    const rows = await this.#store.beginningWith(prefix, MAX_ROWS + 1);
    if (rows.length > MAX_ROWS) throw new DomainError('invalid_param', 'The prefix is too short');
    return rows;
  }

  /** A user lists themself, and nobody else: the row's name is computed here. */
  async list(userId: string, card: string): Promise<void> {
    await this.#store.put({ id: this.#idOf(userId), card }, this.#clock.now() + LIFETIME_MS);
  }

  async unlist(userId: string): Promise<void> {
    await this.#store.remove(this.#idOf(userId));
  }

  async isListed(userId: string): Promise<boolean> {
    return this.#store.has(this.#idOf(userId));
  }

  #idOf(userId: string): string {
    const output = this.#evaluator.output(new TextEncoder().encode(userId));
    return Buffer.from(hkdfSync('sha256', output, '', ID_INFO, ID_BYTES)).toString('hex');
  }
}
