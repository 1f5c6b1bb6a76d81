import {
  IdentityChange,
  IdentityKeyPair,
  IdentityKeyStore,
  type KyberPreKeyRecord,
  KyberPreKeyStore,
  PreKeyBundle,
  PreKeyRecord,
  PreKeySignalMessage,
  PreKeyStore,
  PrivateKey,
  processPreKeyBundle,
  ProtocolAddress,
  PublicKey,
  type SessionRecord,
  SessionStore,
  signalDecrypt,
  signalDecryptPreKey,
  signalEncrypt,
  SignalMessage,
  SignedPreKeyRecord,
  SignedPreKeyStore,
} from '@signalapp/libsignal-client';

import type { SignalBundle } from './our-signal.ts';
import { rawKey, signalKey } from './signal-frame.ts';

class Sessions extends SessionStore {
  readonly #records = new Map<string, SessionRecord>();

  override async saveSession(name: ProtocolAddress, record: SessionRecord): Promise<void> {
    this.#records.set(name.name(), record);
  }

  override async getSession(name: ProtocolAddress): Promise<SessionRecord | null> {
    return this.#records.get(name.name()) ?? null;
  }

  override async getExistingSessions(addresses: ProtocolAddress[]): Promise<SessionRecord[]> {
    return addresses.flatMap((name) => this.#records.get(name.name()) ?? []);
  }
}

class Identities extends IdentityKeyStore {
  readonly own: IdentityKeyPair = IdentityKeyPair.generate();

  override async getIdentityKey(): Promise<PrivateKey> {
    return this.own.privateKey;
  }

  override async getLocalRegistrationId(): Promise<number> {
    return 2;
  }

  override async saveIdentity(): Promise<IdentityChange> {
    return IdentityChange.NewOrUnchanged;
  }

  override async isTrustedIdentity(): Promise<boolean> {
    return true;
  }

  override async getIdentity(): Promise<PublicKey | null> {
    return null;
  }
}

class PreKeys extends PreKeyStore {
  readonly records = new Map<number, PreKeyRecord>();

  override async savePreKey(id: number, record: PreKeyRecord): Promise<void> {
    this.records.set(id, record);
  }

  override async getPreKey(id: number): Promise<PreKeyRecord> {
    const record = this.records.get(id);
    if (record === undefined) throw new Error(`no prekey ${id}`);
    return record;
  }

  override async removePreKey(id: number): Promise<void> {
    this.records.delete(id);
  }
}

class SignedPreKeys extends SignedPreKeyStore {
  readonly #records = new Map<number, SignedPreKeyRecord>();

  override async saveSignedPreKey(id: number, record: SignedPreKeyRecord): Promise<void> {
    this.#records.set(id, record);
  }

  override async getSignedPreKey(id: number): Promise<SignedPreKeyRecord> {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`no signed prekey ${id}`);
    return record;
  }
}

class NoKyber extends KyberPreKeyStore {
  override async saveKyberPreKey(): Promise<void> {
    throw new Error('the KEM is off');
  }

  override async getKyberPreKey(): Promise<KyberPreKeyRecord> {
    throw new Error('the KEM is off');
  }

  override async markKyberPreKeyUsed(): Promise<void> {
    throw new Error('the KEM is off');
  }
}

/** CiphertextMessageType.PreKey, as the plain number that `type()` returns. */
const PREKEY_MESSAGE = 3;

const US = ProtocolAddress.new('us', 1);

/** libsignal itself, with in-memory stores: the foreign end of the interoperability tests. */
export class TheirSignal {
  readonly #sessions = new Sessions();
  readonly #identities = new Identities();
  readonly preKeys = new PreKeys();
  readonly #signedPreKeys = new SignedPreKeys();

  async publish(preKeyId: number): Promise<SignalBundle> {
    const { own } = this.#identities;
    const oneTime = PrivateKey.generate();
    const signed = PrivateKey.generate();
    const signature = own.privateKey.sign(signed.getPublicKey().serialize());
    await this.preKeys.savePreKey(preKeyId, PreKeyRecord.new(preKeyId, oneTime.getPublicKey(), oneTime));
    const record = SignedPreKeyRecord.new(9, 0, signed.getPublicKey(), signed, signature);
    await this.#signedPreKeys.saveSignedPreKey(9, record);
    return {
      identity: rawKey(own.publicKey.serialize()),
      signedPreKeyId: 9,
      signedPreKey: rawKey(signed.getPublicKey().serialize()),
      signature,
      preKeyId,
      preKey: rawKey(oneTime.getPublicKey().serialize()),
    };
  }

  async start(bundle: SignalBundle): Promise<void> {
    const key = (bytes: Uint8Array): PublicKey => PublicKey.deserialize(signalKey(bytes));
    const theirs = PreKeyBundle.new(
      1,
      1,
      bundle.preKeyId,
      key(bundle.preKey),
      bundle.signedPreKeyId,
      key(bundle.signedPreKey),
      Buffer.from(bundle.signature),
      key(bundle.identity),
    );
    await processPreKeyBundle(theirs, US, this.#sessions, this.#identities);
  }

  async send(text: string): Promise<{ readonly hello: boolean; readonly bytes: Uint8Array }> {
    const message = await signalEncrypt(Buffer.from(text), US, this.#sessions, this.#identities);
    return { hello: message.type() === PREKEY_MESSAGE, bytes: message.serialize() };
  }

  async receive(bytes: Uint8Array, hello: boolean): Promise<string> {
    const buffer = Buffer.from(bytes);
    const plaintext = hello
      ? await signalDecryptPreKey(
          PreKeySignalMessage.deserialize(buffer),
          US,
          this.#sessions,
          this.#identities,
          this.preKeys,
          this.#signedPreKeys,
          new NoKyber(),
        )
      : await signalDecrypt(SignalMessage.deserialize(buffer), US, this.#sessions, this.#identities);
    return plaintext.toString();
  }
}
