/**
 * Contents of the call events, version 1 (Matrix client-server API, "Voice over IP"; `m.call.*` event schemas), parsed
 * from what another device sent. What does not fit is no call event.
 */
import * as z from 'zod/mini';

/** The version this speaks. Version 0 names no party, so two devices cannot be told apart: it is not answered. */
export const CALL_VERSION = '1';
/** Longest session description: those of six streams with every codec stay far below. */
export const MAX_SDP = 50_000;
const MAX_CANDIDATES = 50;
/** Nobody waits longer for an answer, whatever an invitation says. */
export const MAX_LIFETIME_MS = 120_000;

const id = z.string().check(z.minLength(1), z.maxLength(255));
const base = { call_id: id, party_id: id, version: z.literal(CALL_VERSION), conf_id: z.optional(id) };
const sdp = z.string().check(z.minLength(1), z.maxLength(MAX_SDP));
const lifetime = z.number().check(z.int(), z.minimum(0));
const candidate = z.object({
  candidate: z.string().check(z.maxLength(1_000)),
  sdpMid: z.optional(z.nullable(z.string().check(z.maxLength(255)))),
  sdpMLineIndex: z.optional(z.nullable(z.number().check(z.int(), z.minimum(0), z.maximum(1_000)))),
});
const streams = z.record(
  z.string().check(z.maxLength(255)),
  z.object({
    purpose: z.enum(['m.usermedia', 'm.screenshare']),
    audio_muted: z._default(z.boolean(), false),
    video_muted: z._default(z.boolean(), false),
  }),
);
const metadata = { sdp_stream_metadata: z.optional(streams) };

const contents = {
  'm.call.invite': z.object({
    ...base,
    ...metadata,
    offer: z.object({ type: z.literal('offer'), sdp }),
    lifetime,
    invitee: z.optional(id),
  }),
  'm.call.candidates': z.object({
    ...base,
    candidates: z.array(candidate).check(z.maxLength(MAX_CANDIDATES)),
  }),
  'm.call.answer': z.object({ ...base, ...metadata, answer: z.object({ type: z.literal('answer'), sdp }) }),
  'm.call.select_answer': z.object({ ...base, selected_party_id: id }),
  'm.call.reject': z.object(base),
  'm.call.hangup': z.object({
    ...base,
    reason: z._default(z.string().check(z.maxLength(64)), 'user_hangup'),
  }),
  'm.call.negotiate': z.object({
    ...base,
    ...metadata,
    description: z.object({ type: z.enum(['offer', 'answer']), sdp }),
    lifetime,
  }),
  'm.call.sdp_stream_metadata_changed': z.object({ ...base, sdp_stream_metadata: streams }),
} as const;

/** Types of the events of a call. */
export type CallEventType = keyof typeof contents;
/** Content of each type, as parsed. */
export type CallContent<T extends CallEventType = CallEventType> = z.output<(typeof contents)[T]>;
/** A call event whose content was parsed. */
export type CallEvent = {
  [T in CallEventType]: { readonly type: T; readonly content: CallContent<T> };
}[CallEventType];
/** An ICE candidate; an empty one says that no more follow. */
export type Candidate = z.output<typeof candidate>;
/** What each stream of a side carries, by the stream's id. */
export type Streams = z.output<typeof streams>;
/** Why a side ended a call (`m.call.hangup`). */
export type HangupReason =
  | 'ice_failed'
  | 'ice_timeout'
  | 'invite_timeout'
  | 'user_hangup'
  | 'user_media_failed'
  | 'user_busy'
  | 'unknown_error';

/** Whether events of this type belong to calls. */
export const isCallType = (type: string): type is CallEventType => Object.hasOwn(contents, type);

/** The types, for who subscribes to them. */
export const CALL_EVENT_TYPES = Object.keys(contents) as readonly CallEventType[];

/** A call event, or undefined when it has not the shape of one of this version. */
export const parseCallEvent = (type: string, content: unknown): CallEvent | undefined => {
  if (!isCallType(type)) return undefined;
  const parsed = contents[type].safeParse(content);
  // The schema of this type made it: the map ties the two together.
  return parsed.success ? ({ type, content: parsed.data } as CallEvent) : undefined;
};
