/**
 * Runs the engine: opens the vault, keeps operations in order, waits where an answer of the server is needed, and lets
 * nothing out before it is stored. The same host serves the web worker and Node.
 */
import { decryptAttachment, encryptAttachment, type Progress } from '../attachments/attachments.ts';
import { AttachmentError } from '../attachments/errors.ts';
import { openAvatar, sealAvatar, type AvatarPorts } from '../profiles/avatars.ts';
import { sealValue } from '../attachments/sealed-value.ts';
import type { Argon2Cost } from '../primitives/argon2id.ts';
import { decodeRecoveryKey } from '../identity/recovery-key.ts';
import { isCryptoError } from '../primitives/errors.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { loadSodium } from '../primitives/sodium.ts';
import type { DeviceKeys } from '../../vault/device-key.ts';
import { seedToWords, SEED_BYTES, wordsToSeed } from '../../vault/recovery-words.ts';
import { VaultError } from '../../vault/errors.ts';
import { StoreError, type RecordStore } from '../../vault/record-store.ts';
import { Vault, type VaultPorts } from '../../vault/vault.ts';
import { EngineCore } from './engine-core.ts';
import { EngineError } from './engine-error.ts';
import { handlers } from './handlers.ts';
import { encryptEvent, prepareSend } from './group-send.ts';
import type { Op } from './op.ts';
import { openSealed, sendAppMessage, shareSecret } from './plugin-ops.ts';
import { useSecret } from './plugin-secrets.ts';
import { MAX_SEALED_BYTES } from './protocol/plugins.ts';
import { createDevice, loadDevice, putSecret } from './own-device.ts';
import { bootstrapStep } from './own-identity.ts';
import { restoreStep } from './recovery.ts';
import { requireCurrentStore } from './store-epoch.ts';
import { dropRecoveryKeys, putRecoveryKeys, putStorageKey } from './store-secrets.ts';
import { roomStatus } from './rooms.ts';
import { SECRETS } from './tables.ts';
import {
  engineArgs,
  type EngineArgs,
  type EngineClient,
  type EngineOp,
  type EngineResults,
  type ParsedArgs,
} from './protocol.ts';
import type { EngineErrorCode } from './protocol/errors.ts';
import type { IdentityStatus } from './protocol/identity.ts';
import type { EngineNotice } from './protocol/notices.ts';
import type { EngineStatus } from './protocol/vault.ts';

export type HostPorts = {
  readonly openStore: () => Promise<RecordStore>;
  readonly deviceKeys: DeviceKeys;
  readonly random: Random;
  readonly now: () => number;
  readonly cost: Argon2Cost;
  /** Calls back once after so many milliseconds; returns how to call it off. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Lets other work of the thread run. */
  readonly yieldNow: () => Promise<void>;
};

/** How long an encryption waits for the server before the page is told to try later. */
const SEND_TIMEOUT_MS = 60_000;
/** The timer never sleeps longer: signed prekeys rotate even when nothing happens. */
const MAX_SLEEP_MS = 60 * 60 * 1000;

export class EngineHost implements EngineClient {
  readonly #ports: HostPorts;
  #store: RecordStore | undefined;
  #core: EngineCore | undefined;
  #owner: { readonly userId: string; readonly deviceId: string } | undefined;
  #exists = false;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #listeners = new Set<(notice: EngineNotice) => void>();
  /** Called after every operation, for those who wait for a change. */
  readonly #changed = new Set<() => void>();
  #callOff: (() => void) | undefined;
  #toldRollback = false;

  constructor(ports: HostPorts) {
    this.#ports = ports;
  }

  onNotice(listener: (notice: EngineNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async call<Name extends EngineOp>(op: Name, args: EngineArgs<Name>): Promise<EngineResults[Name]> {
    const parsed = engineArgs[op].safeParse(args);
    if (!parsed.success)
      throw new EngineError('BAD_MESSAGE', `${op}: ${parsed.error.issues[0]?.message ?? ''}`);
    try {
      // The schema of this operation made it: the map ties name and arguments together.
      return (await this.#dispatch(op, parsed.data)) as EngineResults[Name];
    } catch (error) {
      throw toEngineError(error);
    }
  }

  async close(): Promise<void> {
    await this.#queue.catch(() => undefined);
    this.#lock();
    this.#store?.close();
    this.#store = undefined;
  }

  async #dispatch(op: EngineOp, args: ParsedArgs<EngineOp>): Promise<unknown> {
    switch (op) {
      case 'status':
        return this.#inOrder(async () => {
          await this.#readHeader();
          return this.#status();
        });
      case 'createVault':
        return this.#inOrder(() => this.#create(args as ParsedArgs<'createVault'>));
      case 'unlock':
        return this.#inOrder(() => this.#unlock(args as ParsedArgs<'unlock'>));
      case 'unlockWithWords':
        return this.#inOrder(() => this.#unlockWithWords(args as ParsedArgs<'unlockWithWords'>));
      case 'lock':
        return this.#inOrder(async () => {
          this.#lock();
          this.#tellStatus();
          return {};
        });
      case 'changePassphrase':
        return this.#inOrder(() => this.#changePassphrase(args as ParsedArgs<'changePassphrase'>));
      case 'destroyVault':
        return this.#inOrder(() => this.#destroy());
      case 'pendingRequests':
        return { requests: this.#open().requests(this.#ports.now()) };
      case 'encryptEvent': {
        const message = args as ParsedArgs<'encryptEvent'>;
        return this.#untilReady((operation) =>
          requireCurrentStore(operation) === 'wait' ? 'wait' : encryptEvent(operation, message),
        );
      }
      case 'bootstrapIdentity':
        return this.#untilReady(bootstrapStep);
      case 'restoreIdentity':
        return this.#restore(args as ParsedArgs<'restoreIdentity'>);
      case 'prepareRoom': {
        const { roomId } = args as ParsedArgs<'prepareRoom'>;
        return this.#untilReady((operation) => {
          const progress = prepareSend(operation, roomId);
          return progress === 'ready' ? roomStatus(operation, roomId) : progress;
        });
      }
      // These touch no record of the engine, and run beside the queue too.
      case 'localPut': {
        const { collection, put, remove } = args as ParsedArgs<'localPut'>;
        await this.#open().vault.local.put(collection, put, remove);
        return {};
      }
      case 'localGet': {
        const { collection, keys } = args as ParsedArgs<'localGet'>;
        return { entries: await this.#open().vault.local.get(collection, keys) };
      }
      case 'localList': {
        const { collection, after, limit } = args as ParsedArgs<'localList'>;
        return this.#open().vault.local.list(collection, after, limit);
      }
      case 'localClear': {
        const { collection } = args as ParsedArgs<'localClear'>;
        await this.#open().vault.local.clear(collection);
        return {};
      }
      // Files need no state of ours: they run beside the queue, so that a long one holds nothing up.
      case 'encryptAttachment': {
        const { data, progressId } = args as ParsedArgs<'encryptAttachment'>;
        await loadSodium();
        return encryptAttachment(data, this.#ports.random, this.#progress(progressId));
      }
      case 'decryptAttachment': {
        const { data, file, progressId } = args as ParsedArgs<'decryptAttachment'>;
        await loadSodium();
        return { data: await decryptAttachment(data, file, this.#progress(progressId)) };
      }
      case 'profileSealAvatar':
        return sealAvatar(this.#avatarPorts(), args as ParsedArgs<'profileSealAvatar'>);
      case 'profileOpenAvatar':
        return openAvatar(this.#avatarPorts(), args as ParsedArgs<'profileOpenAvatar'>);
      case 'secretSeal': {
        const { plugin, handle, context, data } = args as ParsedArgs<'secretSeal'>;
        if (data.length > MAX_SEALED_BYTES) throw new EngineError('VALUE_TOO_LARGE');
        using key = (await this.#run((operation) => useSecret(operation, plugin, handle))).key;
        const { random, yieldNow } = this.#ports;
        return { data: await sealValue(key, context, data, random, yieldNow) };
      }
      case 'secretOpen': {
        const { plugin, handle, context, data } = args as ParsedArgs<'secretOpen'>;
        using key = (await this.#run((operation) => useSecret(operation, plugin, handle))).key;
        return { data: await openSealed(key, context, data, this.#ports.yieldNow) };
      }
      case 'secretShare': {
        const share = args as ParsedArgs<'secretShare'>;
        return this.#untilReady((operation) =>
          requireCurrentStore(operation) === 'wait' ? 'wait' : shareSecret(operation, share),
        );
      }
      case 'deviceSend': {
        const message = args as ParsedArgs<'deviceSend'>;
        return this.#untilReady((operation) =>
          requireCurrentStore(operation) === 'wait' ? 'wait' : sendAppMessage(operation, message),
        );
      }
      default: {
        const handle = handlers[op] as (operation: Op, parsed: unknown) => unknown;
        return this.#run((operation) => handle(operation, args));
      }
    }
  }

  /** Runs a step again and again: at once after a slice of work, else when something has changed. */
  async #untilReady<T extends object>(step: (op: Op) => T | 'again' | 'wait'): Promise<T> {
    const deadline = this.#ports.now() + SEND_TIMEOUT_MS;
    for (;;) {
      const changed = this.#nextChange(deadline);
      // Looking and finding nothing is no change: two that wait would else wake each other for ever.
      const outcome = await this.#run(step, (found) => found === 'wait').catch((error: unknown) => {
        changed.cancel();
        throw error;
      });
      if (typeof outcome === 'object') {
        changed.cancel();
        return outcome;
      }
      if (outcome === 'again') {
        changed.cancel();
        await this.#ports.yieldNow();
      } else {
        await changed.promise;
        if (this.#ports.now() >= deadline) throw new EngineError('NETWORK', 'no answer from the server');
      }
    }
  }

  #nextChange(deadline: number): { readonly promise: Promise<void>; readonly cancel: () => void } {
    let done: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => (done = resolve));
    const listener = (): void => done();
    this.#changed.add(listener);
    const callOff = this.#ports.after(Math.max(0, deadline - this.#ports.now()), done);
    const cancel = (): void => {
      this.#changed.delete(listener);
      callOff();
      done();
    };
    return { promise: promise.finally(cancel), cancel };
  }

  /** One engine operation, in turn. Those that wait for a change hear of it unless `quiet` says that it was none. */
  #run<T>(use: (op: Op) => T, quiet: (result: T) => boolean = () => false): Promise<T> {
    return this.#inOrder(async () => {
      const core = this.#open();
      const { result, notices } = await core.run(this.#ports.now(), use).catch((error: unknown) => {
        if (core.broken) this.#lock();
        throw error;
      });
      for (const notice of notices) this.#tell(notice);
      if (core.rolledBack !== this.#toldRollback) {
        this.#toldRollback = core.rolledBack;
        this.#tellStatus();
      }
      this.#schedule();
      if (!quiet(result)) for (const changed of [...this.#changed]) changed();
      return result;
    });
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #open(): EngineCore {
    if (this.#core === undefined) throw new EngineError(this.#exists ? 'VAULT_LOCKED' : 'VAULT_MISSING');
    return this.#core;
  }

  async #storeOpened(): Promise<RecordStore> {
    this.#store ??= await this.#ports.openStore();
    return this.#store;
  }

  async #readHeader(): Promise<void> {
    const header = await (await this.#storeOpened()).readHeader();
    this.#exists = header !== undefined;
    const { userId, deviceId } = header ?? {};
    this.#owner =
      typeof userId === 'string' && typeof deviceId === 'string' ? { userId, deviceId } : undefined;
  }

  async #vaultPorts(): Promise<VaultPorts> {
    await loadSodium();
    const { deviceKeys, random, cost } = this.#ports;
    return { store: await this.#storeOpened(), deviceKeys, random, cost };
  }

  async #create(args: ParsedArgs<'createVault'>): Promise<unknown> {
    const { userId, deviceId, passphrase, words, linking } = args;
    const ports = await this.#vaultPorts();
    const { random } = this.#ports;
    using seed = words === undefined ? Secret.take('master-seed', random(SEED_BYTES)) : wordsToSeed(words);
    const fresh = words === undefined && !linking;
    const vault = await Vault.create(ports, { userId, deviceId }, passphrase, seed, (tx) => {
      createDevice(tx, { userId, deviceId }, random);
      if (!linking) putRecoveryKeys(tx, seed);
      if (fresh) putSecret(tx, 'seed', seed);
    });
    await this.#start(vault);
    return { words: fresh ? seedToWords(seed) : undefined };
  }

  /** With the words: secrets and epoch keys come back from the server. Wrong words leave nothing behind. */
  async #restore(args: ParsedArgs<'restoreIdentity'>): Promise<{ readonly status: IdentityStatus }> {
    await loadSodium();
    if ('words' in args) {
      using seed = wordsToSeed(args.words);
      await this.#run((op) => putRecoveryKeys(op.tx, seed));
    } else {
      using storage = decodeRecoveryKey(args.recoveryKey);
      await this.#run((op) => putStorageKey(op.tx, storage));
    }
    try {
      return await this.#untilReady(restoreStep);
    } catch (error) {
      if (error instanceof EngineError && error.code === 'WRONG_WORDS') await this.#run(dropRecoveryKeys);
      throw error;
    }
  }

  async #unlock({ passphrase }: ParsedArgs<'unlock'>): Promise<unknown> {
    if (this.#core === undefined) await this.#start(await Vault.open(await this.#vaultPorts(), passphrase));
    return { status: this.#status() };
  }

  async #unlockWithWords({ words, passphrase }: ParsedArgs<'unlockWithWords'>): Promise<unknown> {
    const ports = await this.#vaultPorts();
    using seed = wordsToSeed(words);
    this.#lock();
    await this.#start(await Vault.openWithWords(ports, seed, passphrase));
    return { status: this.#status() };
  }

  async #changePassphrase({ passphrase, next }: ParsedArgs<'changePassphrase'>): Promise<unknown> {
    const { vault } = this.#open();
    await vault.checkPassphrase(passphrase);
    await vault.setPassphrase(next);
    return {};
  }

  async #start(vault: Vault): Promise<void> {
    const device = loadDevice(vault.begin(), vault.owner);
    if (device === undefined) throw new VaultError('VAULT_DAMAGED', 'no device keys');
    this.#exists = true;
    this.#owner = vault.owner;
    this.#core = new EngineCore(vault, device, this.#ports.random);
    this.#tellStatus();
    const { notices } = await this.#core.run(this.#ports.now(), () => undefined);
    for (const notice of notices) this.#tell(notice);
    this.#schedule();
  }

  async #destroy(): Promise<unknown> {
    this.#lock();
    await (await this.#storeOpened()).erase();
    this.#exists = false;
    this.#owner = undefined;
    this.#tellStatus();
    return {};
  }

  #lock(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#core?.close();
    this.#core = undefined;
    for (const changed of [...this.#changed]) changed();
  }

  #schedule(): void {
    this.#callOff?.();
    const now = this.#ports.now();
    const wake = Math.min(this.#core?.nextWake(now) ?? Infinity, now + MAX_SLEEP_MS);
    this.#callOff = this.#ports.after(Math.max(1, wake - now), () => {
      if (this.#core !== undefined) void this.#run(() => undefined).catch(() => undefined);
    });
  }

  #status(): EngineStatus {
    const core = this.#core;
    return {
      vault: core !== undefined ? 'open' : this.#exists ? 'locked' : 'none',
      leader: true,
      userId: this.#owner?.userId,
      deviceId: this.#owner?.deviceId,
      rolledBack: core?.rolledBack ?? false,
      wordsPending: core?.vault.begin().get(SECRETS, 'seed') !== undefined,
    };
  }

  #tellStatus(): void {
    this.#tell({ kind: 'status', status: this.#status() });
  }

  #avatarPorts(): AvatarPorts {
    const { random, yieldNow } = this.#ports;
    return { random, yieldNow, run: (use) => this.#run(use) };
  }

  #progress(progressId: string | undefined): Progress {
    const report = (done: number, total: number): void => {
      if (progressId !== undefined) this.#tell({ kind: 'progress', progressId, done, total });
    };
    return { report, yieldNow: this.#ports.yieldNow };
  }

  #tell(notice: EngineNotice): void {
    for (const listener of [...this.#listeners]) listener(notice);
  }
}

const VAULT_CODES: Readonly<Record<string, EngineErrorCode>> = {
  VAULT_MISSING: 'VAULT_MISSING',
  VAULT_EXISTS: 'VAULT_EXISTS',
  VAULT_LOCKED: 'VAULT_LOCKED',
  WRONG_PASSPHRASE: 'WRONG_PASSPHRASE',
  WRONG_WORDS: 'WRONG_WORDS',
  BAD_WORDS: 'WRONG_WORDS',
  BAD_RECOVERY_KEY: 'WRONG_WORDS',
  VAULT_DAMAGED: 'VAULT_DAMAGED',
  VALUE_TOO_LARGE: 'VALUE_TOO_LARGE',
  NOT_JSON: 'BAD_MESSAGE',
};

/** The code the page gets; what is not foreseen is INTERNAL and says its own code only. */
function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (error instanceof StoreError) return new EngineError('STORE_FAILED');
  if (error instanceof AttachmentError) return new EngineError('BAD_ATTACHMENT', error.code);
  if (isCryptoError(error)) return new EngineError(VAULT_CODES[error.code] ?? 'INTERNAL', error.code);
  return new EngineError('INTERNAL', error instanceof Error ? error.message : 'unknown');
}
