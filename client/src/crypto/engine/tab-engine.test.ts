/** One engine per origin (e2ee.md section 0.7): two tabs send at once, the leading tab goes away. */
import { beforeAll, describe, expect, it } from 'vitest';
import { fromBase64 } from '../primitives/base64.ts';
import { toHex } from '../primitives/bytes.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { PASSPHRASE, SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { EngineClient } from './protocol.ts';
import type { EncryptedEvent } from './protocol/messages.ts';
import { TabEngine, type TabChannel } from './tab-engine.ts';

beforeAll(loadSodium);

/** What a message's key is derived from, beside its sender: epoch, generation, salt and number. */
const keyName = ({ content }: EncryptedEvent): string => {
  const bytes = fromBase64(String(content.ciphertext));
  return `${String(content.kid)}|${String(content.g)}|${toHex(bytes.subarray(0, 21))}`;
};

/** Tabs of one origin in memory: a channel between them and a lock. */
class Origin {
  readonly #tabs: ((message: unknown) => void)[] = [];
  readonly #queue: (() => void)[] = [];
  #held = false;

  channel(): TabChannel {
    let own: ((message: unknown) => void) | undefined;
    return {
      post: (message) => {
        const copy = structuredClone(message);
        for (const tab of this.#tabs) if (tab !== own) queueMicrotask(() => tab(copy));
      },
      onMessage: (listener) => {
        own = listener;
        this.#tabs.push(listener);
      },
      close: () => void this.#tabs.splice(this.#tabs.indexOf(own ?? (() => undefined)), 1),
    };
  }

  lead(onLeader: () => void): { release: () => void } {
    if (this.#held) this.#queue.push(onLeader);
    else queueMicrotask(onLeader);
    this.#held = true;
    return {
      release: () => {
        const next = this.#queue.shift();
        this.#held = next !== undefined;
        next?.();
      },
    };
  }
}

describe('two tabs', () => {
  it('speak through one engine, never use a key twice, and survive the end of the leader', async () => {
    const world = new SimWorld();
    const [alice, bob] = await world.startAll('alice', 'bob');
    if (alice === undefined || bob === undefined) throw new Error('two');
    await world.room(alice, bob);
    await alice.send(ROOM, 'warm');
    const origin = new Origin();
    const engines: EngineClient[] = [];
    const tab = (name: string) =>
      new TabEngine({
        tab: name,
        channel: origin.channel(),
        lead: (onLeader) => origin.lead(onLeader),
        makeEngine: () => {
          // The first leader has Alice's open engine, the next opens the same store.
          const engine =
            engines.length === 0
              ? alice.host
              : new SimClient(world.server, world.clock, alice.userId, 'D', { store: alice.store }).host;
          engines.push(engine);
          return engine;
        },
      });
    const [first, second] = [tab('first'), tab('second')];
    expect((await second.call('status', {})).leader).toBe(false);
    expect((await first.call('status', {})).leader).toBe(true);
    expect(engines).toHaveLength(1);
    const sent = await Promise.all(
      Array.from({ length: 40 }, (_, i) => {
        const args = {
          roomId: ROOM,
          txnId: `t${i >> 1}`,
          type: 'm.room.message',
          content: { body: `m${i >> 1}` },
        };
        return (i % 2 === 0 ? first : second).call('encryptEvent', args);
      }),
    );
    // The same transaction from both tabs is the same ciphertext; different ones never share a key.
    expect(new Set(sent.map(({ content }) => content.ciphertext)).size).toBe(20);
    expect(new Set(sent.map(keyName)).size).toBe(20);
    await first.close();
    expect(engines).toHaveLength(2);
    expect((await second.call('status', {})).vault).toBe('locked');
    await second.call('unlock', { passphrase: PASSPHRASE });
    expect((await second.call('status', {})).leader).toBe(true);
    await second.close();
  });
});
