import type { CallContent, CallEvent, Candidate, Streams } from './contents.ts';
import { MAX_LIFETIME_MS, parseCallEvent } from './contents.ts';
import type { LineContext } from './line.ts';
import { Line } from './line.ts';
import type { Call, Connection, Effect, MediaProblem, Signal, Times } from './state.ts';
import { Strays } from './strays.ts';

const MAX_REMEMBERED = 200;
/** At most so many calls ring at once; whoever calls beyond that is not heard. */
const MAX_RINGING = 8;

/** This device as calls see it. The party id is new with every start of the app: what came before it is not ours. */
export type Self = { readonly userId: string; readonly deviceId: string; readonly partyId: string };

/** What a phone is made of. */
export type PhoneOptions = {
  readonly self: Self;
  readonly times: Times;
  /** A fresh random id. */
  readonly newId: () => string;
  readonly alwaysRelay: () => boolean;
  /** Whether an invitation belongs to a group call this device takes part in: it is answered at once. */
  readonly joins?: (confId: string, signal: Signal) => boolean;
};

type Elsewhere = { readonly roomId: string; readonly invitee: string; readonly until: number };

/**
 * All calls of one device: `m.call.*`, version 1, without I/O. Whoever drives it hands in what happens together with the
 * time, carries out what `drain` returns in order, and calls `tick` at `nextAt`.
 */
export class Phone {
  readonly #options: PhoneOptions;
  readonly #lines = new Map<string, Line>();
  readonly #strays = new Strays();
  /** Invitations that other devices of ours sent: they count when two call each other at once. */
  readonly #elsewhere = new Map<string, Elsewhere>();
  #effects: Effect[] = [];

  constructor(options: PhoneOptions) {
    this.#options = options;
  }

  /** Calls that are not over, then those that are, in the order they began. */
  calls(): readonly Call[] {
    return [...this.#lines.values()].map((line) => line.view());
  }

  call(callId: string): Call | undefined {
    return this.#lines.get(callId)?.view();
  }

  /** What to do since the last time, in order. */
  drain(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  nextAt(): number {
    return Math.min(Infinity, ...[...this.#lines.values()].map((line) => line.nextAt()));
  }

  tick(now: number): void {
    for (const line of this.#lines.values()) if (line.nextAt() <= now) line.tick(now);
    for (const [callId, { until }] of this.#elsewhere) if (until <= now) this.#elsewhere.delete(callId);
  }

  /** Calls somebody. If they are calling us from the same room already, that call is answered instead. */
  place(roomId: string, userId: string, video: boolean, now: number): string {
    for (const [callId, line] of this.#lines) {
      const { phase, start } = line;
      if (phase !== 'ringing' || start.roomId !== roomId || start.peer.userId !== userId) continue;
      line.pickUp(video, now);
      return callId;
    }
    return this.#begin({ roomId, video, confId: undefined }, { userId, deviceId: undefined }, now);
  }

  /** Offers one pair of a group call to one device. */
  placePair(
    roomId: string,
    confId: string,
    to: { readonly userId: string; readonly deviceId: string },
    video: boolean,
    now: number,
  ): string {
    return this.#begin({ roomId, video, confId }, to, now);
  }

  answer(callId: string, video: boolean, now: number): void {
    this.#lines.get(callId)?.pickUp(video, now);
  }

  /** Declines; while another call goes on, the caller hears that the line is busy. */
  decline(callId: string, now: number): void {
    const talking = [...this.#lines.values()].some((line) => line.busy && line.phase !== 'answering');
    this.#lines.get(callId)?.decline(talking, now);
  }

  hangUp(callId: string, now: number): void {
    this.#lines.get(callId)?.hangUp(now);
  }

  described(callId: string, type: 'offer' | 'answer', sdp: string, streams: Streams, now: number): void {
    this.#lines.get(callId)?.described(type, sdp, streams, now);
  }

  found(callId: string, candidates: readonly Candidate[], now: number): void {
    this.#lines.get(callId)?.found(candidates, now);
  }

  streamsChanged(callId: string, streams: Streams): void {
    this.#lines.get(callId)?.streamsChanged(streams);
  }

  connection(callId: string, state: Connection, now: number): void {
    this.#lines.get(callId)?.connection(state, now);
  }

  mediaFailed(callId: string, problem: MediaProblem, now: number): void {
    this.#lines.get(callId)?.mediaFailed(problem, now);
  }

  broken(callId: string, now: number): void {
    this.#lines.get(callId)?.broken(now);
  }

  relayRefused(callId: string, now: number): void {
    this.#lines.get(callId)?.relayRefused(now);
  }

  /** Signals of one batch, in order. Look at what rings afterwards: the batch may hold the end of what it began. */
  signals(batch: readonly Signal[], now: number): void {
    for (const signal of batch) this.#take(signal, now);
  }

  /**
   * Somebody could not prove that an event of a room is theirs. A call that is being set up with them is refused: its
   * keys may be another's.
   */
  refuse(roomId: string, userId: string, now: number): void {
    for (const line of this.#lines.values())
      if (line.start.roomId === roomId && line.start.peer.userId === userId && line.settingUp)
        line.end('identity', now, true);
    this.#effects.push({ kind: 'warn', roomId, userId });
  }

  #take(signal: Signal, now: number): void {
    const { self } = this.#options;
    const event = parseCallEvent(signal.type, signal.content);
    if (event === undefined) return;
    const { call_id: callId, party_id: partyId, conf_id: confId } = event.content;
    if (signal.sender === self.userId && partyId === self.partyId) return;
    // Group calls are arranged device to device, and only they.
    if ((signal.via === 'device') !== (confId !== undefined)) return;
    this.#noteElsewhere(signal, event, now);
    const line = this.#lines.get(callId);
    if (line === undefined) {
      if (event.type === 'm.call.invite') this.#invited(signal, event.content, now);
      else this.#strays.keep(callId, signal);
      return;
    }
    if (line.start.roomId !== signal.roomId || line.start.confId !== confId) return;
    line.take(event, { userId: signal.sender, deviceId: signal.deviceId }, now);
  }

  #invited(signal: Signal, invite: CallContent<'m.call.invite'>, now: number): void {
    const { self, joins } = this.#options;
    const { sender, deviceId, roomId } = signal;
    const { call_id: callId, conf_id: confId, party_id: partyId } = invite;
    if (sender === self.userId && confId === undefined) return;
    if (invite.invitee !== undefined && invite.invitee !== self.userId) return;
    const left = Math.min(invite.lifetime, MAX_LIFETIME_MS) - signal.age;
    if (left <= 0 || this.#ringing() >= MAX_RINGING) return;
    if (confId !== undefined && joins?.(confId, signal) !== true) return;
    const video = invite.sdp_stream_metadata === undefined ? hasVideo(invite.offer.sdp) : showsVideo(invite);
    const peer = { userId: sender, partyId, deviceId };
    const start = { callId, roomId, confId, peer, video };
    const line = Line.incoming(this.#context(), start, invite, now, now + left);
    this.#remember(callId, line);
    if (confId === undefined) this.#settleGlare(line, now);
    else line.pickUp(video, now);
    for (const stray of this.#strays.claim(callId)) this.#take(stray, now);
  }

  /**
   * Both call each other at once: the call with the lower id goes on. The side whose own call gives way has wanted to
   * talk, so it answers the other one at once.
   */
  #settleGlare(incoming: Line, now: number): void {
    const { callId, roomId, peer } = incoming.start;
    for (const [otherId, { roomId: otherRoom, invitee }] of this.#elsewhere)
      if (otherRoom === roomId && invitee === peer.userId && otherId < callId)
        incoming.end('replaced', now, false);
    for (const [ownId, line] of this.#lines) {
      const rival =
        line.direction === 'outgoing' &&
        line.start.roomId === roomId &&
        line.start.peer.userId === peer.userId &&
        line.start.confId === undefined;
      if (!rival || incoming.phase === 'ended') continue;
      if (line.phase === 'preparing' || (line.phase === 'inviting' && callId < ownId)) {
        incoming.pickUp(line.start.video, now);
        line.end('replaced', now, true);
      } else if (line.phase === 'inviting') {
        incoming.end('replaced', now, false);
      }
    }
  }

  #noteElsewhere({ sender, roomId, age }: Signal, event: CallEvent, now: number): void {
    const { userId } = this.#options.self;
    const { call_id: callId, conf_id: confId } = event.content;
    if (confId !== undefined) return;
    if (event.type === 'm.call.invite' && sender === userId) {
      const { invitee, lifetime } = event.content;
      const until = now + Math.min(lifetime, MAX_LIFETIME_MS) - age;
      if (invitee === undefined || until <= now || this.#elsewhere.size >= MAX_REMEMBERED) return;
      this.#elsewhere.set(callId, { roomId, invitee, until });
      for (const [otherId, line] of this.#lines)
        if (line.phase === 'ringing' && line.start.roomId === roomId)
          if (line.start.peer.userId === invitee && callId < otherId) line.end('replaced', now, false);
    } else if (['m.call.answer', 'm.call.reject', 'm.call.hangup'].includes(event.type)) {
      this.#elsewhere.delete(callId);
    }
  }

  #begin(
    about: { readonly roomId: string; readonly confId: string | undefined; readonly video: boolean },
    to: { readonly userId: string; readonly deviceId: string | undefined },
    now: number,
  ): string {
    const callId = this.#options.newId();
    const start = { callId, ...about, peer: { ...to, partyId: undefined } };
    this.#remember(callId, Line.outgoing(this.#context(), start, now));
    return callId;
  }

  #ringing(): number {
    return [...this.#lines.values()].filter((line) => line.phase === 'ringing').length;
  }

  #remember(callId: string, line: Line): void {
    if (this.#lines.size >= MAX_REMEMBERED) {
      const oldest = [...this.#lines].find(([, { phase }]) => phase === 'ended');
      if (oldest !== undefined) this.#lines.delete(oldest[0]);
    }
    this.#lines.set(callId, line);
  }

  #context(): LineContext {
    const { self, times, alwaysRelay } = this.#options;
    return { self, times, alwaysRelay, emit: (effect) => this.#effects.push(effect) };
  }
}

const hasVideo = (sdp: string): boolean => /^m=video [1-9]/m.test(sdp);
const showsVideo = ({ sdp_stream_metadata: streams = {} }: CallContent<'m.call.invite'>): boolean =>
  Object.values(streams).some(({ purpose, video_muted }) => purpose === 'm.usermedia' && !video_muted);
