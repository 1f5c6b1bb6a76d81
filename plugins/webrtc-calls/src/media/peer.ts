import type { Candidate } from '../call/contents.ts';
import type { Connection } from '../call/state.ts';
import type { LocalMedia, Slot } from './local-media.ts';

/** What a connection tells. */
export interface PeerEvents {
  found(candidates: readonly Candidate[]): void;
  connection(state: Connection): void;
  /** Media of the other side came or went. */
  tracks(): void;
  /** The relay refused our credentials, or cannot be reached. `alone`: and nothing else may be used. */
  relayTrouble(trouble: RelayTrouble, alone: boolean): void;
}

/** What is wrong with the relay. */
export type RelayTrouble = 'refused' | 'unreachable';

const SLOTS: readonly (readonly [Slot, 'audio' | 'video'])[] = [
  ['audio', 'audio'],
  ['camera', 'video'],
  ['screen', 'video'],
];
/** Answer of a relay that does not accept our credentials (RFC 8489, section 14.8). */
const UNAUTHORISED = [401, 403, 438, 441];
const MAX_EARLY = 200;

/**
 * One connection to one device. The three tracks have their places from the first description on, so that mute, camera
 * and screen need no new one. Steps run one after the other.
 */
export class Peer {
  readonly #local: LocalMedia;
  readonly #events: PeerEvents;
  readonly #servers: () => Promise<readonly RTCIceServer[]>;
  #connection: RTCPeerConnection | undefined;
  #steps: Promise<unknown> = Promise.resolve();
  #early: Candidate[] = [];
  #relayOnly = false;
  #relayFound = false;
  #trouble: RelayTrouble | undefined;
  #closed = false;

  constructor(local: LocalMedia, servers: () => Promise<readonly RTCIceServer[]>, events: PeerEvents) {
    this.#local = local;
    this.#servers = servers;
    this.#events = events;
  }

  /** Streams of the other side, by id. */
  readonly remote = new Map<string, MediaStream>();

  /** Makes an offer and sets it. */
  offer(relayOnly: boolean, restart: boolean): Promise<string> {
    return this.#step(async () => {
      const connection = await this.#prepare(relayOnly);
      if (connection.getTransceivers().length === 0)
        for (const [slot, kind] of SLOTS)
          connection.addTransceiver(kind, { direction: 'sendrecv', streams: [this.#streamOf(slot)] });
      await this.#fill(connection);
      await connection.setLocalDescription(await connection.createOffer({ iceRestart: restart }));
      return connection.localDescription?.sdp ?? '';
    });
  }

  /** Takes an offer and answers it. */
  answer(sdp: string, relayOnly: boolean): Promise<string> {
    return this.#step(async () => {
      const connection = await this.#prepare(relayOnly);
      await connection.setRemoteDescription({ type: 'offer', sdp });
      await this.#fill(connection);
      await connection.setLocalDescription(await connection.createAnswer());
      await this.#addEarly(connection);
      return connection.localDescription?.sdp ?? '';
    });
  }

  /** Takes the answer to our offer. */
  accept(sdp: string): Promise<void> {
    return this.#step(async () => {
      const connection = this.#connection;
      if (connection === undefined) throw new Error('an answer to no offer');
      await connection.setRemoteDescription({ type: 'answer', sdp });
      await this.#addEarly(connection);
    });
  }

  add(candidates: readonly Candidate[]): void {
    void this.#step(async () => {
      this.#early = [...this.#early, ...candidates].slice(-MAX_EARLY);
      if (this.#connection?.remoteDescription) await this.#addEarly(this.#connection);
    }).catch(() => undefined);
  }

  /** Sends the tracks that are there now. */
  async refill(): Promise<void> {
    await this.#step(async () => {
      if (this.#connection !== undefined) await this.#fill(this.#connection);
    });
  }

  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#connection?.getStats();
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#connection = undefined;
    this.remote.clear();
  }

  #step<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#steps.then(work);
    this.#steps = result.catch(() => undefined);
    return result;
  }

  #streamOf(slot: Slot): MediaStream {
    return slot === 'screen' ? this.#local.screen : this.#local.user;
  }

  async #prepare(relayOnly: boolean): Promise<RTCPeerConnection> {
    const iceServers = [...(await this.#servers())];
    if (this.#closed) throw new Error('the call is over');
    const configuration: RTCConfiguration = {
      iceServers,
      iceTransportPolicy: relayOnly ? 'relay' : 'all',
      // What was left out would be a change to the default, which is refused.
      bundlePolicy: 'max-bundle',
    };
    this.#relayOnly = relayOnly;
    if (this.#connection === undefined) this.#connection = this.#open(configuration);
    else this.#connection.setConfiguration(configuration);
    return this.#connection;
  }

  #open(configuration: RTCConfiguration): RTCPeerConnection {
    const connection = new RTCPeerConnection(configuration);
    connection.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate === null || this.#closed) return;
      this.#relayFound ||= candidate.type === 'relay';
      const { sdpMid, sdpMLineIndex } = candidate;
      this.#events.found([{ candidate: candidate.candidate, sdpMid, sdpMLineIndex }]);
    });
    connection.addEventListener('icecandidateerror', ({ errorCode }) => {
      // One address of the relay that cannot be reached says nothing while another can.
      this.#trouble = UNAUTHORISED.includes(errorCode) ? 'refused' : (this.#trouble ?? 'unreachable');
    });
    connection.addEventListener('icegatheringstatechange', () => {
      if (connection.iceGatheringState !== 'complete' || this.#relayFound || this.#closed) return;
      if (this.#trouble !== undefined) this.#events.relayTrouble(this.#trouble, this.#relayOnly);
    });
    connection.addEventListener('connectionstatechange', () => this.#report(connection));
    connection.addEventListener('track', ({ streams, track }) => {
      for (const stream of streams) this.remote.set(stream.id, stream);
      track.addEventListener('unmute', () => this.#events.tracks());
      this.#events.tracks();
    });
    return connection;
  }

  #report(connection: RTCPeerConnection): void {
    if (this.#closed) return;
    const { connectionState: state } = connection;
    if (state === 'connected' || state === 'disconnected') this.#events.connection(state);
    if (state !== 'failed') return;
    const transports = connection.getTransceivers().map(({ sender }) => sender.transport);
    // The path is there, but who answers on it has not the key whose fingerprint was signed.
    const mismatch = transports.some((transport) => transport?.state === 'failed');
    this.#events.connection(mismatch ? 'mismatch' : 'failed');
  }

  async #fill(connection: RTCPeerConnection): Promise<void> {
    const left = connection
      .getTransceivers()
      .filter(({ currentDirection }) => currentDirection !== 'stopped');
    for (const [slot, kind] of SLOTS) {
      const at = left.findIndex(({ receiver }) => receiver.track.kind === kind);
      const [transceiver] = at === -1 ? [] : left.splice(at, 1);
      if (transceiver === undefined) continue;
      if (transceiver.direction !== 'sendrecv') {
        transceiver.direction = 'sendrecv';
        transceiver.sender.setStreams(this.#streamOf(slot));
      }
      await transceiver.sender.replaceTrack(this.#local.tracks[slot] ?? null);
    }
  }

  async #addEarly(connection: RTCPeerConnection): Promise<void> {
    const candidates = this.#early.splice(0);
    for (const { candidate, sdpMid = null, sdpMLineIndex = null } of candidates)
      // One that does not fit, or belongs to an attempt that was replaced, is none.
      await connection.addIceCandidate({ candidate, sdpMid, sdpMLineIndex }).catch(() => undefined);
  }
}
