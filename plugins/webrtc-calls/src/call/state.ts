/** The words of the call machine: what a call is, what happens to it, and what it asks for. */
import type { Candidate, HangupReason, Streams } from './contents.ts';

/**
 * Where a call stands.
 *
 * Outgoing: `preparing` (microphone, first description), `inviting`, `connecting`, `connected`. Incoming: `ringing`,
 * `answering` (microphone, description), `connecting`, `connected`. `reconnecting`: media stopped after it had flowed.
 */
export type Phase =
  'preparing' | 'inviting' | 'ringing' | 'answering' | 'connecting' | 'connected' | 'reconnecting' | 'ended';

/** Why a call is over, as the person at this device should hear it. */
export type EndReason =
  /** Ended here, or by the other side. */
  | 'hung-up'
  | 'remote-hung-up'
  /** The other side declined, is on another call, or did not answer. */
  | 'declined'
  | 'busy'
  | 'no-answer'
  /** Declined at this device, or at another one of ours; answered at another one; given up by the caller. */
  | 'declined-here'
  | 'declined-elsewhere'
  | 'answered-elsewhere'
  | 'missed'
  /** Both called at once: the other call goes on. */
  | 'replaced'
  /** Media never flowed, or stopped and did not come back. */
  | 'connection-failed'
  | 'connection-lost'
  /** Only the relay may be used, and it refused our credentials or could not be reached. */
  | 'relay-refused'
  /** Neither microphone nor camera could be opened at one side. */
  | 'media-failed'
  | 'remote-media-failed'
  /** Who is at the other end could not be proven: refused. */
  | 'identity'
  | 'failed';

/** The other side. The party and device are known once it has spoken and was chosen. */
export type Peer = {
  readonly userId: string;
  readonly partyId: string | undefined;
  readonly deviceId: string | undefined;
};

/** One call as everybody outside the machine may see it. */
export type Call = {
  readonly callId: string;
  readonly roomId: string;
  /** The group call it is a pair of. */
  readonly confId: string | undefined;
  readonly direction: 'outgoing' | 'incoming';
  readonly peer: Peer;
  readonly phase: Phase;
  readonly ended: EndReason | undefined;
  /** Whether the caller showed a camera, and so whether one is offered when answering. */
  readonly video: boolean;
  /** When it was placed or first rang, and when media first flowed; milliseconds since the epoch. */
  readonly startedAt: number;
  readonly connectedAt: number | undefined;
  /** What the other side sends, by stream id. */
  readonly remoteStreams: Streams;
  /** Why answering failed so that it still rings: the microphone was refused, or none is there. */
  readonly problem: MediaProblem | undefined;
};

/** Why no microphone or camera could be opened. */
export type MediaProblem = 'denied' | 'missing' | 'in-use';

/** A signal of another device: decrypted, its sender and device proven by the engine. */
export type Signal = {
  readonly roomId: string;
  readonly sender: string;
  readonly deviceId: string;
  readonly type: string;
  readonly content: unknown;
  /** How long ago it was sent, in milliseconds. */
  readonly age: number;
  /** Through the room's timeline, or to this one device. */
  readonly via: 'room' | 'device';
};

/** What the machine asks of the world, in order. Media effects of one call are carried out one after the other. */
export type Effect =
  | {
      readonly kind: 'send';
      readonly roomId: string;
      readonly callId: string;
      readonly type: string;
      readonly content: Readonly<Record<string, unknown>>;
      /** One device instead of the room. */
      readonly to: { readonly userId: string; readonly deviceId: string } | undefined;
    }
  /** Open the media if it is not open, and make an offer. Answered by `described` or `mediaFailed`. */
  | {
      readonly kind: 'offer';
      readonly callId: string;
      readonly video: boolean;
      readonly relayOnly: boolean;
      readonly restart: boolean;
    }
  /** Take an offer and answer it. Answered by `described` or `mediaFailed`. */
  | {
      readonly kind: 'answer';
      readonly callId: string;
      readonly sdp: string;
      readonly video: boolean;
      readonly relayOnly: boolean;
    }
  | { readonly kind: 'accept'; readonly callId: string; readonly sdp: string }
  | { readonly kind: 'candidates'; readonly callId: string; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'close'; readonly callId: string }
  /** Something pretended to be part of a call and could not prove who it is. */
  | { readonly kind: 'warn'; readonly roomId: string; readonly userId: string };

/** How the media of a call stands; `mismatch`: the other end has not the key that was signed for. */
export type Connection = 'connected' | 'disconnected' | 'failed' | 'mismatch';

/** Durations in milliseconds; tests shorten them. */
export type Times = {
  /** How long an invitation rings. */
  readonly ring: number;
  /** From the answer to the first media. */
  readonly connect: number;
  /** How long a person may take to allow the microphone. */
  readonly prepare: number;
  /** How long a lost connection is tried for. */
  readonly reconnect: number;
  /** From the loss to a new offer: the caller's, and the callee's in case the caller cannot. */
  readonly restart: readonly [number, number];
  /** How long an offer during the call waits for its answer. */
  readonly negotiate: number;
  /** Candidates found within this time travel together: at first, and later. */
  readonly batch: readonly [number, number];
};

/** As the specification advises, or as people's patience goes. */
export const USUAL_TIMES: Times = {
  ring: 60_000,
  connect: 30_000,
  prepare: 60_000,
  reconnect: 60_000,
  restart: [2_000, 6_000],
  negotiate: 15_000,
  batch: [200, 1_000],
};

const HEARD: Readonly<Record<string, EndReason>> = {
  user_busy: 'busy',
  invite_timeout: 'no-answer',
  ice_failed: 'connection-failed',
  ice_timeout: 'connection-lost',
  user_media_failed: 'remote-media-failed',
  unknown_error: 'failed',
};

/** What a hang-up of the other side means here. Unknown reasons are a plain end. */
export const heardReason = (reason: string): EndReason => HEARD[reason] ?? 'remote-hung-up';

const TOLD: Readonly<Partial<Record<EndReason, HangupReason>>> = {
  'no-answer': 'invite_timeout',
  'connection-failed': 'ice_failed',
  'relay-refused': 'ice_failed',
  'connection-lost': 'ice_timeout',
  'media-failed': 'user_media_failed',
  busy: 'user_busy',
  identity: 'unknown_error',
  failed: 'unknown_error',
};

/** What the other side is told when a call ends here. */
export const toldReason = (reason: EndReason): HangupReason => TOLD[reason] ?? 'user_hangup';
