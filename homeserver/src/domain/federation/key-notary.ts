import { parseJsonObject } from '@nyx/federation/json/parse.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { KeyRequest, KeyRing } from '@nyx/federation/signing/key-ring.ts';
import type { Signer } from '@nyx/federation/signing/keys.ts';
import { signJson } from '@nyx/federation/signing/sign-json.ts';
import { makeServerKeyId } from '@nyx/federation/spec/identifiers/key-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';

/** Where the answers of other servers are kept. */
export interface KeyAnswers {
  /** The answers in which a server told its keys, newest first, as JSON texts. */
  answersOf(server: ServerName): Promise<readonly string[]>;
}

/** Answers of one server that are passed on at most: old keys are in old answers. */
const MAX_ANSWERS = 5;
/** Stands for "any key" where a request names none: no server has it, so its keys are asked for. */
const ANY_KEY = makeServerKeyId('nyx_any');

/** Tells others the keys of third servers, with our signature (spec: Querying Keys Through Another Server). */
export class KeyNotary {
  readonly #keys: KeyRing;
  readonly #answers: KeyAnswers;
  readonly #signer: Signer;
  readonly #own: () => JsonObject;
  readonly #now: () => number;

  constructor(keys: KeyRing, answers: KeyAnswers, signer: Signer, own: () => JsonObject, now: () => number) {
    this.#keys = keys;
    this.#answers = answers;
    this.#signer = signer;
    this.#own = own;
    this.#now = now;
  }

  /** Signed answers for the servers; those that cannot be had are left out. */
  async answer(
    servers: readonly ServerName[],
    requests: readonly KeyRequest[],
  ): Promise<readonly JsonObject[]> {
    const others = servers.filter((server) => server !== this.#signer.server);
    const named = new Set(requests.map(({ server }) => server));
    const unnamed = others.filter((server) => !named.has(server));
    const wanted = requests.filter(({ server }) => server !== this.#signer.server);
    const known = await Promise.all(unnamed.map((server) => this.#answers.answersOf(server)));
    const unknown = unnamed.filter((_server, index) => known[index]?.length === 0);
    await this.#keys.fetch([
      ...wanted,
      ...unknown.map((server) => ({ server, keyId: ANY_KEY, at: this.#now() })),
    ]);
    const texts = await Promise.all(others.map((server) => this.#answers.answersOf(server)));
    const answers = texts.flatMap((list) => list.slice(0, MAX_ANSWERS).map(parseJsonObject));
    const own = servers.includes(this.#signer.server) ? [this.#own()] : [];
    return [...own, ...answers.map((json) => signJson(json, this.#signer))];
  }
}
