import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import type { ArrivedEvent, DeviceMessage } from '@nyx/plugin-sdk/client/data.ts';
import { shallowReactive, shallowRef } from 'vue';
import { isCallType } from '../call/contents.ts';
import { Phone } from '../call/phone.ts';
import type { Call, Effect, EndReason, Signal, Times } from '../call/state.ts';
import { LocalMedia, MediaError, type MediaSource } from '../media/local-media.ts';
import { Peer, type RelayTrouble } from '../media/peer.ts';
import { qualityOf, sampleOf, type Quality, type Sample } from '../media/quality.ts';
import type { ConferenceTimes } from '../mesh/conference.ts';
import { GroupCalls } from './group-calls.ts';
import { RelayServers } from './relay-servers.ts';
import { ROOM_KEY, Sender } from './sender.ts';

const QUALITY_EVERY_MS = 2_000;

/** What the calls of a client stand on. */
export type CallServiceOptions = {
  readonly context: TrustedContext;
  readonly source: MediaSource;
  readonly times: Times;
  readonly conferenceTimes: ConferenceTimes;
};

/** What the overlay shows of everything. */
export type Shown = {
  readonly calls: readonly Call[];
  /** Rooms whose group call this device takes part in, and how many devices do. */
  readonly groups: ReadonlyMap<string, number>;
  readonly muted: boolean;
  readonly camera: boolean;
  readonly sharing: boolean;
};

/** Something the person should know of and can put away. */
export type Note =
  | {
      readonly kind: 'ended';
      readonly call: Call;
      readonly reason: EndReason;
      readonly trouble: RelayTrouble | undefined;
    }
  | { readonly kind: 'refused'; readonly userId: string }
  | { readonly kind: 'full' };

/** Drives the phone: carries out what it asks for, and shows how things stand. */
export class CallService {
  readonly local: LocalMedia;
  readonly shown = shallowRef<Shown>({
    calls: [],
    groups: new Map(),
    muted: false,
    camera: false,
    sharing: false,
  });
  readonly note = shallowRef<Note>();
  readonly quality = shallowReactive(new Map<string, Quality>());
  /** Counts changes of what the others send, for who draws it. */
  readonly tracks = shallowRef(0);
  readonly #options: CallServiceOptions;
  readonly #phone: Phone;
  readonly #sender: Sender;
  readonly #relays: RelayServers;
  readonly #groups: GroupCalls;
  readonly #peers = new Map<string, Peer>();
  readonly #samples = new Map<string, Sample>();
  readonly #troubles = new Map<string, RelayTrouble>();
  readonly #toldEnds = new Set<string>();
  #cancelTimer: (() => void) | undefined;
  #watching = false;

  constructor(options: CallServiceOptions) {
    const { context } = options;
    this.#options = options;
    this.local = new LocalMedia(options.source, () => this.#localChanged());
    this.#sender = new Sender(context);
    this.#relays = new RelayServers(context);
    const partyId = `${context.self.deviceId}.${context.newId()}`;
    this.#groups = new GroupCalls(context, options.conferenceTimes, {
      connect: (roomId, confId, to) => {
        const video = this.local.tracks.camera !== undefined;
        this.#phone.placePair(roomId, confId, to, video, context.now());
      },
      disconnect: (confId) => {
        for (const { callId, phase, confId: own } of this.#phone.calls())
          if (own === confId && phase !== 'ended') this.#phone.hangUp(callId, context.now());
      },
    });
    this.#phone = new Phone({
      self: { ...context.self, partyId },
      times: options.times,
      newId: () => context.newId(),
      alwaysRelay: () => context.settings.get('always-relay') === true,
      joins: (confId, signal) => this.#groups.admits(confId, signal),
    });
    context.onDispose(() => this.#stop());
  }

  /** Calls the other person of the room, or takes part in the group call of a larger one. */
  async start(roomId: string, video: boolean): Promise<void> {
    const { context } = this.#options;
    const other = await this.#otherOf(roomId);
    this.note.value = undefined;
    if (this.#current() !== undefined || this.#groups.any) return;
    if (other !== undefined) this.#phone.place(roomId, other, video, context.now());
    else await this.#join(roomId, video);
    this.#step();
  }

  answer(callId: string, video: boolean): void {
    const { context } = this.#options;
    for (const { callId: other, phase } of this.#phone.calls())
      if (other !== callId && !['ended', 'ringing'].includes(phase)) this.#phone.hangUp(other, context.now());
    this.note.value = undefined;
    this.#groups.leaveAll();
    this.#phone.answer(callId, video, context.now());
    this.#step();
  }

  decline(callId: string): void {
    this.#phone.decline(callId, this.#options.context.now());
    this.#step();
  }

  hangUp(callId: string): void {
    this.#phone.hangUp(callId, this.#options.context.now());
    this.#step();
  }

  leave(roomId: string): void {
    this.#groups.leave(roomId);
    this.#step();
  }

  calls(): readonly Call[] {
    return this.#phone.calls();
  }

  peer(callId: string): Peer | undefined {
    return this.#peers.get(callId);
  }

  /** Events of rooms, those of one sync together. */
  async takeEvents(events: readonly ArrivedEvent[]): Promise<void> {
    const { context } = this.#options;
    const signals: Signal[] = [];
    for (const event of events) {
      const { roomId, sender, type, content, age, device, encrypted } = event;
      if (!encrypted || device === undefined) {
        // Whoever carries our messages could have written it: nothing of it is believed.
        if (isCallType(type) && sender !== context.self.userId)
          this.#phone.refuse(roomId, sender, context.now());
        continue;
      }
      if (this.#groups.take(event)) continue;
      if (type === 'm.call.invite' && (await context.contacts.relation(sender)) === 'blocked') continue;
      signals.push({ roomId, sender, deviceId: device, type, content, age, via: 'room' });
    }
    this.#phone.signals(signals, context.now());
    this.#step();
  }

  /** A message of one device to this one: a pair of a group call. */
  async takeMessage({ sender, device, type, content }: DeviceMessage): Promise<void> {
    const { context } = this.#options;
    const roomId = content[ROOM_KEY];
    if (typeof roomId !== 'string') return;
    if (type === 'm.call.invite' && !(await this.#groups.isMember(roomId, sender))) return;
    const signal = { roomId, sender, deviceId: device, type, content, age: 0, via: 'device' as const };
    this.#phone.signals([signal], context.now());
    this.#step();
  }

  async #otherOf(roomId: string): Promise<string | undefined> {
    const { context } = this.#options;
    const room = await context.rooms.get(roomId);
    if (room?.directUser !== undefined && room.joined <= 2) return room.directUser;
    const members = (await context.rooms.members(roomId)).filter(({ membership }) => membership === 'join');
    const others = members.filter(({ userId }) => userId !== context.self.userId);
    return others.length === 1 ? others[0]?.userId : undefined;
  }

  async #join(roomId: string, video: boolean): Promise<void> {
    try {
      await this.local.open(video);
    } catch (error) {
      const problem = error instanceof MediaError ? error.problem : 'in-use';
      await this.#options.context.ui.toast(this.#options.context.t(`problem.${problem}`), 'bad');
      return;
    }
    if (this.#groups.join(roomId)) return;
    this.note.value = { kind: 'full' };
  }

  #current(): Call | undefined {
    return this.#phone.calls().find(({ phase }) => phase !== 'ended' && phase !== 'ringing');
  }

  /** Carries out what is asked for, shows the result, and sleeps until something is due. */
  #step(): void {
    const { context } = this.#options;
    for (let effects = this.#phone.drain(); effects.length > 0; effects = this.#phone.drain())
      for (const effect of effects) this.#carryOut(effect);
    this.#noteEnds();
    this.#groups.step(this.#phone.calls());
    const rest = this.#phone.drain();
    for (const effect of rest) this.#carryOut(effect);
    if (this.#current() === undefined && !this.#groups.any) this.local.close();
    this.#show();
    this.#cancelTimer?.();
    const next = Math.min(this.#phone.nextAt(), this.#groups.nextAt());
    if (next < Infinity)
      this.#cancelTimer = context.after(Math.max(1, next - context.now()), () => {
        this.#phone.tick(context.now());
        this.#groups.tick();
        this.#step();
      });
    if (!this.#watching && this.#current() !== undefined) this.#watch();
  }

  #carryOut(effect: Effect): void {
    const { callId } = effect.kind === 'warn' ? { callId: '' } : effect;
    switch (effect.kind) {
      case 'send':
        void this.#sender.send(effect).catch((error: unknown) => this.#unsent(effect, error));
        return;
      case 'warn':
        this.note.value = { kind: 'refused', userId: effect.userId };
        return;
      case 'offer':
        void this.#describe(callId, 'offer', effect.video, (peer) =>
          peer.offer(effect.relayOnly, effect.restart),
        );
        return;
      case 'answer':
        void this.#describe(callId, 'answer', effect.video, (peer) =>
          peer.answer(effect.sdp, effect.relayOnly),
        );
        return;
      case 'accept':
        void this.#peerOf(callId)
          .accept(effect.sdp)
          .catch((error: unknown) => this.#broken(callId, error));
        return;
      case 'candidates':
        this.#peerOf(callId).add(effect.candidates);
        return;
      case 'close':
        this.#peers.get(callId)?.close();
        this.#peers.delete(callId);
        this.#samples.delete(callId);
        this.quality.delete(callId);
        return;
    }
  }

  async #describe(
    callId: string,
    type: 'offer' | 'answer',
    video: boolean,
    make: (peer: Peer) => Promise<string>,
  ): Promise<void> {
    const { context } = this.#options;
    // Before anything is awaited, so that later steps of the call wait for this one.
    const opened =
      this.#phone.call(callId)?.connectedAt === undefined ? this.local.open(video) : Promise.resolve();
    try {
      await opened;
      const sdp = await make(this.#peerOf(callId));
      this.#phone.described(callId, type, sdp, this.local.streams(), context.now());
    } catch (error) {
      if (error instanceof MediaError) this.#phone.mediaFailed(callId, error.problem, context.now());
      else this.#broken(callId, error);
    }
    this.#step();
  }

  #broken(callId: string, error: unknown): void {
    const { context } = this.#options;
    if (this.#phone.call(callId)?.phase === 'ended') return;
    context.log.warn(`a step of a call failed: ${error instanceof Error ? error.message : String(error)}`);
    this.#phone.broken(callId, context.now());
    this.#step();
  }

  #unsent(effect: Extract<Effect, { kind: 'send' }>, error: unknown): void {
    if (effect.type === 'm.call.invite' || effect.type === 'm.call.answer')
      this.#broken(effect.callId, error);
    else this.#options.context.log.warn(`${effect.type} could not be sent`);
  }

  #peerOf(callId: string): Peer {
    const known = this.#peers.get(callId);
    if (known !== undefined) return known;
    const { context } = this.#options;
    const peer = new Peer(this.local, () => this.#relays.current(), {
      found: (candidates) => {
        this.#phone.found(callId, candidates, context.now());
        this.#step();
      },
      connection: (state) => {
        this.#phone.connection(callId, state, context.now());
        this.#step();
      },
      tracks: () => {
        this.tracks.value += 1;
      },
      relayTrouble: (trouble, alone) => {
        this.#troubles.set(callId, trouble);
        if (alone && context.settings.get('always-relay') === true)
          this.#phone.relayRefused(callId, context.now());
        this.#step();
      },
    });
    // One that comes late for a call that is over opens nothing.
    if (this.#phone.call(callId)?.phase === 'ended') peer.close();
    else this.#peers.set(callId, peer);
    return peer;
  }

  #localChanged(): void {
    for (const [callId, peer] of this.#peers) {
      void peer.refill().catch(() => undefined);
      this.#phone.streamsChanged(callId, this.local.streams());
    }
    for (const effect of this.#phone.drain()) this.#carryOut(effect);
    this.tracks.value += 1;
    this.#show();
  }

  #noteEnds(): void {
    for (const call of this.#phone.calls()) {
      const { callId, ended, confId } = call;
      if (ended === undefined || this.#toldEnds.has(callId)) continue;
      this.#toldEnds.add(callId);
      if (confId !== undefined) continue;
      const trouble = this.#troubles.get(callId);
      if (WORTH_A_NOTE.has(ended)) this.note.value = { kind: 'ended', call, reason: ended, trouble };
    }
  }

  #show(): void {
    const { audio: _, camera, screen } = this.local.tracks;
    this.shown.value = {
      calls: this.#phone.calls().filter(({ phase }) => phase !== 'ended'),
      groups: this.#groups.sizes(),
      muted: this.local.muted,
      camera: camera !== undefined,
      sharing: screen !== undefined,
    };
  }

  #watch(): void {
    this.#watching = true;
    this.#options.context.after(QUALITY_EVERY_MS, () => {
      this.#watching = false;
      for (const [callId, peer] of this.#peers) void this.#look(callId, peer);
      if (this.#current() !== undefined) this.#watch();
    });
  }

  async #look(callId: string, peer: Peer): Promise<void> {
    const stats = await peer.stats();
    if (stats === undefined || !this.#peers.has(callId)) return;
    const sample = sampleOf(stats.values() as Iterable<Readonly<Record<string, unknown>>>);
    const before = this.#samples.get(callId);
    this.#samples.set(callId, sample);
    const quality = before === undefined ? undefined : qualityOf(before, sample);
    if (quality !== undefined) this.quality.set(callId, quality);
  }

  #stop(): void {
    const { context } = this.#options;
    for (const { callId, phase } of this.#phone.calls())
      if (phase !== 'ended' && phase !== 'ringing') this.#phone.hangUp(callId, context.now());
    for (const effect of this.#phone.drain()) if (effect.kind === 'close') this.#carryOut(effect);
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
    this.local.close();
  }
}

/** Ends that the person did not cause at this device, and so should read of. */
const WORTH_A_NOTE: ReadonlySet<EndReason> = new Set<EndReason>([
  'remote-hung-up',
  'declined',
  'busy',
  'no-answer',
  'missed',
  'declined-elsewhere',
  'answered-elsewhere',
  'connection-failed',
  'connection-lost',
  'relay-refused',
  'media-failed',
  'remote-media-failed',
  'identity',
  'failed',
]);
