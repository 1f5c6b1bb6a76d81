import { CandidateBatch } from './candidate-batch.ts';
import type { CallContent, CallEvent, CallEventType, Candidate, Streams } from './contents.ts';
import { CALL_VERSION } from './contents.ts';
import { Negotiation } from './negotiation.ts';
import type { Call, Connection, Effect, EndReason, MediaProblem, Peer, Phase, Times } from './state.ts';
import { heardReason, toldReason } from './state.ts';

const MAX_PARTIES = 8;
const MAX_HELD = 100;

/** What every line of a phone shares. */
export type LineContext = {
  readonly self: { readonly userId: string; readonly partyId: string };
  readonly times: Times;
  readonly emit: (effect: Effect) => void;
  /** Whether addresses of this machine are never shown to the other side. */
  readonly alwaysRelay: () => boolean;
};

/** How a line begins. */
export type LineStart = {
  readonly callId: string;
  readonly roomId: string;
  readonly confId: string | undefined;
  readonly peer: Peer;
  readonly video: boolean;
};

/** Who a signal comes from. */
export type From = { readonly userId: string; readonly deviceId: string };

/** One call at one device. What it asks for goes to `emit`; it does no I/O and reads no clock. */
export class Line {
  readonly start: LineStart;
  readonly direction: 'outgoing' | 'incoming';
  readonly #context: LineContext;
  readonly #startedAt: number;
  readonly #candidates: CandidateBatch;
  readonly #negotiation: Negotiation;
  /** Candidates of parties that were not chosen yet, by party and device. */
  readonly #held = new Map<string, Candidate[]>();
  readonly #declinedBy = new Set<string>();
  #peer: Peer;
  #phase: Phase;
  #ended: EndReason | undefined;
  #video: boolean;
  #offer = '';
  #connectedAt: number | undefined;
  #remoteStreams: Streams = {};
  #problem: MediaProblem | undefined;
  #deadline: number;
  #lastRingAt: number;
  #restartAt: number | undefined;

  private constructor(
    context: LineContext,
    start: LineStart,
    direction: 'outgoing' | 'incoming',
    now: number,
    deadline: number,
  ) {
    this.#context = context;
    this.start = start;
    this.direction = direction;
    this.#peer = start.peer;
    this.#video = start.video;
    this.#phase = direction === 'outgoing' ? 'preparing' : 'ringing';
    this.#startedAt = now;
    this.#deadline = deadline;
    this.#lastRingAt = deadline;
    this.#candidates = new CandidateBatch(context.times.batch);
    this.#negotiation = new Negotiation(direction === 'incoming');
  }

  static outgoing(context: LineContext, start: LineStart, now: number): Line {
    const line = new Line(context, start, 'outgoing', now, now + context.times.prepare);
    // Until the other side accepts it learns no address of ours; who joined a group call has accepted.
    const relayOnly = start.confId === undefined || context.alwaysRelay();
    const { callId, video } = start;
    context.emit({ kind: 'offer', callId, video, relayOnly, restart: false });
    return line;
  }

  static incoming(
    context: LineContext,
    start: LineStart,
    invite: CallContent<'m.call.invite'>,
    now: number,
    until: number,
  ): Line {
    const line = new Line(context, start, 'incoming', now, until);
    line.#offer = invite.offer.sdp;
    line.#remoteStreams = invite.sdp_stream_metadata ?? {};
    return line;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Neither over nor waiting for this person to pick up. */
  get busy(): boolean {
    return this.#phase !== 'ended' && this.#phase !== 'ringing';
  }

  get settingUp(): boolean {
    return ['inviting', 'ringing', 'answering', 'connecting'].includes(this.#phase);
  }

  view(): Call {
    const { callId, roomId, confId } = this.start;
    return {
      ...{ callId, roomId, confId, direction: this.direction, peer: this.#peer, phase: this.#phase },
      ...{
        ended: this.#ended,
        video: this.#video,
        startedAt: this.#startedAt,
        connectedAt: this.#connectedAt,
      },
      ...{ remoteStreams: this.#remoteStreams, problem: this.#problem },
    };
  }

  /** When `tick` has something to do. */
  nextAt(): number {
    if (this.#phase === 'ended') return Infinity;
    const flush = this.#signalling ? this.#candidates.nextAt : undefined;
    const times = [this.#negotiation.deadline, this.#restartAt, flush];
    return Math.min(this.#deadline, ...times.map((time) => time ?? Infinity));
  }

  tick(now: number): void {
    if (this.#phase === 'ended') return;
    if (now >= this.#deadline) {
      this.#expire(now);
      return;
    }
    if (this.#signalling) {
      const candidates = this.#candidates.due(now);
      if (candidates.length > 0) this.#send('m.call.candidates', { candidates });
    }
    if ((this.#negotiation.deadline ?? Infinity) <= now) {
      this.#negotiation.settle();
      if (this.#phase === 'reconnecting' || this.#phase === 'connecting') this.#restartAt = now;
    }
    if ((this.#restartAt ?? Infinity) <= now) this.#restart();
  }

  /** The person picks up. */
  pickUp(video: boolean, now: number): void {
    if (this.#phase !== 'ringing') return;
    this.#phase = 'answering';
    this.#video = video;
    this.#problem = undefined;
    this.#deadline = now + this.#context.times.prepare;
    const { callId } = this.start;
    const relayOnly = this.#context.alwaysRelay();
    this.#context.emit({ kind: 'answer', callId, sdp: this.#offer, video, relayOnly });
    this.#release(this.#peer);
  }

  /** The person declines; `busy` says that another call is why. */
  decline(busy: boolean, now: number): void {
    if (this.#phase !== 'ringing' && this.#phase !== 'answering') return;
    if (busy) this.#send('m.call.hangup', { reason: 'user_busy' });
    else this.#send('m.call.reject', {});
    this.end('declined-here', now, false);
  }

  hangUp(now: number): void {
    if (this.#phase === 'ringing' || this.#phase === 'answering') this.decline(false, now);
    else this.end('hung-up', now, true);
  }

  /** A description of this side is set and may travel. */
  described(type: 'offer' | 'answer', sdp: string, streams: Streams, now: number): void {
    const { times } = this.#context;
    const metadata = { sdp_stream_metadata: streams };
    if (this.#phase === 'preparing' && type === 'offer') {
      const invitee = this.start.peer.userId;
      this.#phase = 'inviting';
      this.#deadline = now + times.ring;
      this.#send('m.call.invite', { offer: { type, sdp }, lifetime: times.ring, invitee, ...metadata });
    } else if (this.#phase === 'answering' && type === 'answer') {
      this.#phase = 'connecting';
      this.#deadline = now + times.connect;
      this.#send('m.call.answer', { answer: { type, sdp }, ...metadata });
    } else if (this.#talking) {
      if (type === 'offer' && !this.#negotiation.made(now + times.negotiate)) return;
      this.#send('m.call.negotiate', { description: { type, sdp }, lifetime: times.negotiate, ...metadata });
    }
  }

  found(candidates: readonly Candidate[], now: number): void {
    if (this.#phase !== 'ended') this.#candidates.add(candidates, now);
  }

  /** What this side sends has changed: muted, a camera, a screen. */
  streamsChanged(streams: Streams): void {
    if (this.#talking) this.#send('m.call.sdp_stream_metadata_changed', { sdp_stream_metadata: streams });
  }

  /** Neither microphone nor camera. An incoming call goes on ringing: it can be tried again, or at another device. */
  mediaFailed(problem: MediaProblem, now: number): void {
    if (this.#phase === 'answering' && now < this.#lastRingAt) {
      this.#phase = 'ringing';
      this.#problem = problem;
      this.#deadline = this.#lastRingAt;
      return;
    }
    this.#problem = problem;
    this.end('media-failed', now, true);
  }

  /** A description could not be made or taken. An established call goes on as it was. */
  broken(now: number): void {
    if (this.#phase === 'connected' || this.#phase === 'reconnecting') this.#negotiation.settle();
    else this.end('failed', now, true);
  }

  /** Only the relay may be used and it does not serve us: waiting longer is of no use. */
  relayRefused(now: number): void {
    if (this.#phase !== 'connected') this.end('relay-refused', now, true);
  }

  connection(state: Connection, now: number): void {
    if (!this.#talking) return;
    const { times } = this.#context;
    const caller = this.direction === 'outgoing';
    if (state === 'mismatch') {
      this.end('identity', now, true);
    } else if (state === 'connected') {
      this.#phase = 'connected';
      this.#connectedAt ??= now;
      this.#deadline = Infinity;
      this.#restartAt = undefined;
    } else if (this.#phase === 'connecting') {
      // With an offer under way, or a direct path yet to be tried, it may still come.
      if (state === 'failed') this.#restartAt = now + (caller ? 0 : times.restart[1]);
    } else {
      const lost = this.#phase === 'connected';
      this.#phase = 'reconnecting';
      if (lost) this.#deadline = now + times.reconnect;
      const wait = state === 'failed' && caller ? 0 : times.restart[caller ? 0 : 1];
      this.#restartAt = Math.min(this.#restartAt ?? Infinity, now + wait);
    }
  }

  /** An event of the other side, or of another device of ours, in the order of arrival. */
  take(event: CallEvent, from: From, now: number): void {
    if (this.#phase === 'ended') return;
    if (this.direction === 'outgoing') this.#takeAsCaller(event, from, now);
    else this.#takeAsCallee(event, from, now);
  }

  /** Ends the call here; `tell` the others unless they know, or never heard of it. */
  end(reason: EndReason, now: number, tell: boolean): void {
    if (this.#phase === 'ended') return;
    if (tell && this.#signalling) this.#send('m.call.hangup', { reason: toldReason(reason) });
    this.#phase = 'ended';
    this.#ended = reason;
    this.#deadline = now;
    this.#held.clear();
    this.#context.emit({ kind: 'close', callId: this.start.callId });
  }

  #takeAsCaller(event: CallEvent, from: From, now: number): void {
    if (from.userId !== this.#peer.userId) return;
    const partyId = event.content.party_id;
    if (this.#phase !== 'inviting') {
      if (this.#isPeer(partyId, from)) this.#takeTalking(event, now);
      return;
    }
    // A pair of a group call is with one device.
    if (this.start.peer.deviceId !== undefined && this.start.peer.deviceId !== from.deviceId) return;
    switch (event.type) {
      case 'm.call.answer':
        this.#choose(event.content, from, now);
        return;
      case 'm.call.reject':
        this.#send('m.call.select_answer', { selected_party_id: partyId });
        this.end('declined', now, false);
        return;
      case 'm.call.hangup':
        // The line is busy at one of their devices: another that has answered meanwhile hears that it was not chosen.
        this.#send('m.call.select_answer', { selected_party_id: partyId });
        this.end(heardReason(event.content.reason), now, false);
        return;
      case 'm.call.candidates':
        this.#hold(partyId, from, event.content.candidates);
        return;
      default:
        return;
    }
  }

  /** The first answer wins; `select_answer` tells the others. */
  #choose(answer: CallContent<'m.call.answer'>, from: From, now: number): void {
    const { callId, confId } = this.start;
    const { times, alwaysRelay, emit } = this.#context;
    this.#peer = { userId: from.userId, partyId: answer.party_id, deviceId: from.deviceId };
    this.#phase = 'connecting';
    this.#deadline = now + times.connect;
    this.#remoteStreams = answer.sdp_stream_metadata ?? {};

    this.#send('m.call.select_answer', { selected_party_id: answer.party_id });
    emit({ kind: 'accept', callId, sdp: answer.answer.sdp });
    this.#release(this.#peer);
    // Accepted: now the direct path may be tried too.
    if (confId === undefined && !alwaysRelay()) this.#restart();
  }

  #takeAsCallee(event: CallEvent, from: From, now: number): void {
    const partyId = event.content.party_id;
    if (this.#isPeer(partyId, from)) {
      if (this.#phase === 'ringing' && event.type === 'm.call.candidates')
        this.#hold(partyId, from, event.content.candidates);
      else this.#takeTalking(event, now);
      return;
    }
    if (from.userId !== this.#context.self.userId) return;
    // Another device of ours. Once this one has answered too, the caller's choice decides.
    if (event.type === 'm.call.reject') this.#declinedBy.add(partyId);
    if (this.#phase !== 'ringing') return;
    if (event.type === 'm.call.answer') this.end('answered-elsewhere', now, false);
    else if (event.type === 'm.call.reject' || event.type === 'm.call.hangup')
      this.end('declined-elsewhere', now, false);
  }

  /** An event of the one party this call is with. */
  #takeTalking(event: CallEvent, now: number): void {
    const { callId } = this.start;
    switch (event.type) {
      case 'm.call.hangup': {
        const reason = heardReason(event.content.reason);
        this.end(this.#phase === 'ringing' ? 'missed' : reason, now, false);
        return;
      }
      case 'm.call.select_answer': {
        const chosen = event.content.selected_party_id;
        if (this.direction === 'outgoing' || chosen === this.#context.self.partyId) return;
        this.end(this.#declinedBy.has(chosen) ? 'declined-elsewhere' : 'answered-elsewhere', now, false);
        return;
      }
      case 'm.call.candidates':
        this.#context.emit({ kind: 'candidates', callId, candidates: event.content.candidates });
        return;
      case 'm.call.sdp_stream_metadata_changed':
        this.#remoteStreams = event.content.sdp_stream_metadata;
        return;
      case 'm.call.negotiate':
        this.#takeNegotiate(event.content);
        return;
      default:
        return;
    }
  }

  #takeNegotiate({ description, sdp_stream_metadata }: CallContent<'m.call.negotiate'>): void {
    if (!this.#talking) return;
    const { callId } = this.start;
    const { sdp } = description;
    if (description.type === 'answer') {
      if (!this.#negotiation.answered()) return;
      this.#context.emit({ kind: 'accept', callId, sdp });
    } else {
      if (!this.#negotiation.offered()) return;
      const relayOnly = this.#context.alwaysRelay();
      this.#context.emit({ kind: 'answer', callId, sdp, video: this.#video, relayOnly });
    }
    if (sdp_stream_metadata !== undefined) this.#remoteStreams = sdp_stream_metadata;
  }

  #restart(): void {
    this.#restartAt = undefined;
    if (!this.#negotiation.begin()) return;
    const { callId } = this.start;
    const relayOnly = this.#context.alwaysRelay();
    this.#context.emit({ kind: 'offer', callId, video: this.#video, relayOnly, restart: true });
  }

  #expire(now: number): void {
    const reason: Readonly<Partial<Record<Phase, EndReason>>> = {
      preparing: 'media-failed',
      inviting: 'no-answer',
      ringing: 'missed',
      answering: 'media-failed',
      connecting: 'connection-failed',
      reconnecting: 'connection-lost',
    };
    this.end(reason[this.#phase] ?? 'failed', now, this.#phase !== 'ringing');
  }

  /** Whether the others have heard of this call from us. */
  get #signalling(): boolean {
    return this.#phase === 'inviting' || this.#talking;
  }

  get #talking(): boolean {
    return this.#phase === 'connecting' || this.#phase === 'connected' || this.#phase === 'reconnecting';
  }

  #isPeer(partyId: string, from: From): boolean {
    const { userId, deviceId } = this.#peer;
    return partyId === this.#peer.partyId && from.userId === userId && from.deviceId === deviceId;
  }

  #hold(partyId: string, { deviceId }: From, candidates: readonly Candidate[]): void {
    const name = `${deviceId}|${partyId}`;
    const held = this.#held.get(name) ?? [];
    if (held.length === 0 && this.#held.size >= MAX_PARTIES) return;
    this.#held.set(name, [...held, ...candidates].slice(0, MAX_HELD));
  }

  #release({ partyId, deviceId }: Peer): void {
    const candidates = this.#held.get(`${deviceId ?? ''}|${partyId ?? ''}`) ?? [];
    const { callId } = this.start;
    if (candidates.length > 0) this.#context.emit({ kind: 'candidates', callId, candidates });
    this.#held.clear();
  }

  #send(type: CallEventType, body: Readonly<Record<string, unknown>>): void {
    const { callId, roomId, confId } = this.start;
    const { userId, deviceId } = this.#peer;
    const to = confId === undefined || deviceId === undefined ? undefined : { userId, deviceId };
    const common = { call_id: callId, version: CALL_VERSION, party_id: this.#context.self.partyId };
    const conference = confId === undefined ? {} : { conf_id: confId };
    this.#context.emit({
      ...{ kind: 'send', roomId, callId, type, to },
      content: { ...common, ...conference, ...body },
    });
  }
}
