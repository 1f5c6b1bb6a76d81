import { verifyBundle } from '../../prekeys/bundle.ts';
import {
  fallbackUpload,
  generateOneTimePrekeys,
  generateSignedPrekey,
  oneTimeUpload,
} from '../../prekeys/generate.ts';
import type { PrekeyBundle } from '../../prekeys/types.ts';
import {
  decodeOneTimeRecord,
  decodeSignedRecord,
  encodeOneTimeRecord,
  encodeSignedRecord,
} from '../../prekeys/record.ts';
import { fromUtf8, toHex, utf8 } from '../../primitives/bytes.ts';
import { generateEd25519 } from '../../primitives/ed25519.ts';
import type { Random } from '../../primitives/random.ts';
import { wipeAll } from '../../primitives/secret.ts';
import { generateX25519 } from '../../primitives/x25519.ts';
import { type LocalDevice, type PeerDevice, publicDevice } from '../device.ts';
import { decodeFrame } from '../frame.ts';
import { encryptMessage } from '../messages.ts';
import { receiveFrame, type Received } from '../receive.ts';
import { decodeSession, decodeTable, encodeSession, encodeTable } from '../record.ts';
import { ephemeralHash, openSession, type Session } from '../session.ts';
import { currentEntry, EMPTY_TABLE, enterOpened, type PeerTable, requireMayOpen } from '../table.ts';
import { seededRandom } from './seeded-random.ts';

/**
 * A device for tests: the pairwise layer over a store that keeps nothing but encoded records, as the vault does, and
 * applies each commit as one step.
 */
export class Party {
  readonly local: LocalDevice;
  readonly random: Random;
  now = Date.UTC(2026, 0, 1);
  readonly sessions = new Map<string, Uint8Array>();
  readonly tables = new Map<string, Uint8Array>();
  readonly oneTime = new Map<number, Uint8Array>();
  readonly signed = new Map<number, Uint8Array>();
  readonly ephemerals = new Set<string>();

  constructor(name: string, seed = 'party') {
    this.random = seededRandom(`${seed}/${name}`);
    this.local = {
      userId: `@${name}:example.org`,
      deviceId: name.toUpperCase(),
      ed25519: generateEd25519(this.random),
      x25519: generateX25519(this.random),
    };
  }

  get device(): PeerDevice {
    return publicDevice(this.local);
  }

  /** Makes prekeys and returns them as the server would hold them. */
  publish(oneTimeCount: number): { oneTime: Record<string, unknown>; fallback: Record<string, unknown> } {
    const oneTime = generateOneTimePrekeys(oneTimeCount, 1, new Set(this.oneTime.keys()), this.random);
    const signed = generateSignedPrekey(new Set(this.signed.keys()), this.now, this.random);
    for (const prekey of oneTime) this.oneTime.set(prekey.id, encodeOneTimeRecord(prekey));
    this.signed.set(signed.id, encodeSignedRecord(signed));
    return { oneTime: oneTimeUpload(this.local, oneTime), fallback: fallbackUpload(this.local, signed) };
  }

  /** A bundle as the server would hand it out. */
  bundle(withOneTime = true): PrekeyBundle {
    const { oneTime, fallback } = this.publish(withOneTime ? 1 : 0);
    const claimed = { ...oneTime, ...fallback };
    return verifyBundle({ device: this.device, claimed, now: this.now, newestSignedDay: 0 });
  }

  table(peer: PeerDevice): PeerTable {
    const bytes = this.tables.get(peer.deviceId);
    return bytes === undefined ? EMPTY_TABLE : decodeTable(bytes);
  }

  session(peer: PeerDevice, sid: string): Session | undefined {
    const bytes = this.sessions.get(`${peer.deviceId}/${sid}`);
    return bytes && decodeSession(bytes);
  }

  put(peer: PeerDevice, session: Session): void {
    this.sessions.set(`${peer.deviceId}/${toHex(session.sid)}`, encodeSession(session));
  }

  current(peer: PeerDevice): Session {
    const entry = currentEntry(this.table(peer));
    const session = entry && this.session(peer, entry.sid);
    if (session === undefined) throw new Error('no session');
    return session;
  }

  open(peer: PeerDevice, bundle: PrekeyBundle, binding?: Uint8Array): Session {
    requireMayOpen(this.table(peer), this.now);
    const bound = binding === undefined ? {} : { binding };
    const session = openSession({
      local: this.local,
      peer,
      bundle,
      now: this.now,
      random: this.random,
      ...bound,
    });
    const { table, dropped } = enterOpened(
      this.table(peer),
      toHex(session.sid),
      this.now,
      bundle.signed.createdDay,
    );
    this.put(peer, session);
    this.tables.set(peer.deviceId, encodeTable(table));
    for (const sid of dropped) this.sessions.delete(`${peer.deviceId}/${sid}`);
    return session;
  }

  send(peer: PeerDevice, text: string): Uint8Array {
    const session = this.current(peer);
    const content = utf8(text);
    const sent = encryptMessage({ local: this.local, session, content, now: this.now, random: this.random });
    this.put(peer, sent.session);
    wipeAll(sent.retired);
    return sent.frame;
  }

  /** Receives without committing. */
  tryReceive(peer: PeerDevice, bytes: Uint8Array, binding?: Uint8Array): Received {
    const frame = decodeFrame(bytes);
    const { hello } = frame;
    const signed = hello && this.signed.get(hello.signedPrekeyId);
    const oneTime =
      hello?.oneTimePrekeyId === undefined ? undefined : this.oneTime.get(hello.oneTimePrekeyId);
    return receiveFrame({
      local: this.local,
      peer,
      frame,
      table: this.table(peer),
      session: this.session(peer, toHex(frame.sid)),
      signed: signed && decodeSignedRecord(signed),
      oneTime: oneTime && decodeOneTimeRecord(oneTime),
      ephemeralSeen: hello !== undefined && this.ephemerals.has(toHex(ephemeralHash(hello))),
      now: this.now,
      ...(binding === undefined ? {} : { binding }),
    });
  }

  receive(peer: PeerDevice, bytes: Uint8Array, binding?: Uint8Array): string {
    const { content, commit } = this.tryReceive(peer, bytes, binding);
    this.put(peer, commit.session);
    if (commit.table !== undefined) this.tables.set(peer.deviceId, encodeTable(commit.table));
    for (const sid of commit.dropped) this.sessions.delete(`${peer.deviceId}/${sid}`);
    if (commit.destroyOneTime !== undefined) this.oneTime.delete(commit.destroyOneTime);
    if (commit.rememberEphemeral !== undefined) this.ephemerals.add(toHex(commit.rememberEphemeral.hash));
    wipeAll(commit.retired);
    return fromUtf8(content);
  }

  /** Every byte this device would keep, for searching and for comparing before and after. */
  dump(): string {
    const parts: string[] = [];
    for (const store of [this.sessions, this.tables, this.oneTime, this.signed])
      for (const [key, bytes] of store) parts.push(`${key}=${toHex(bytes)}`);
    return [...parts, ...this.ephemerals].join('\n');
  }
}
