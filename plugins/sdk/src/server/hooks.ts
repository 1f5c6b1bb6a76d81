import { z } from 'zod';
import { LIMITS } from '../limits.ts';

/** An event as a server plugin sees it. In an encrypted room the content is ciphertext. */
export type PluginEvent = {
  readonly eventId?: string;
  readonly roomId: string;
  readonly sender: string;
  readonly type: string;
  /** Undefined for message events. */
  readonly stateKey?: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch; undefined while the event is not made yet. */
  readonly timestamp?: number;
};

/** What each `check*` hook is asked: before it is done, and refused by an answer of `reject()`. */
export type CheckInputs = {
  /** A user of this server sends an event or changes state. */
  readonly checkEvent: { readonly event: PluginEvent };
  readonly checkRegistration: { readonly username: string };
  /** The password was right; a device is about to be logged in. */
  readonly checkLogin: { readonly userId: string; readonly deviceId?: string };
  /** `inviter` may be on another server, and so may `invitee`; at least one of them is ours. */
  readonly checkInvite: { readonly roomId: string; readonly inviter: string; readonly invitee: string };
  readonly checkJoin: { readonly roomId: string; readonly userId: string };
  /** `bytes` is what the client announced, if it did. */
  readonly checkUpload: {
    readonly userId: string;
    readonly contentType?: string;
    readonly fileName?: string;
    readonly bytes?: number;
  };
  readonly checkProfile: { readonly userId: string; readonly field: string; readonly value: unknown };
};

/** What each `modify*` hook is given: it may add to what clients see, never change what was said. */
export type ModifyInputs = {
  /** Events on their way to clients of this server, at most 100 at a time; each is asked about once and remembered. */
  readonly modifyUnsigned: { readonly events: readonly PluginEvent[] };
};

/**
 * What is to be added to the events' `unsigned`, by event id. It appears under the plugin's own id, so that it can be
 * mistaken for nothing else.
 */
export type UnsignedAdditions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What each `on*` hook is told: after it happened, at least once, maybe more often. */
export type NoticeInputs = {
  readonly onEvent: { readonly event: PluginEvent };
  readonly onRegistered: { readonly userId: string };
  readonly onProfileChanged: { readonly userId: string; readonly field: string };
  readonly onDeactivated: { readonly userId: string };
};

export type CheckHook = keyof CheckInputs;
export type NoticeHook = keyof NoticeInputs;
export type ModifyHook = keyof ModifyInputs;
export type HookName = CheckHook | ModifyHook | NoticeHook;

export const CHECK_HOOKS = [
  'checkEvent',
  'checkRegistration',
  'checkLogin',
  'checkInvite',
  'checkJoin',
  'checkUpload',
  'checkProfile',
] as const satisfies readonly CheckHook[];

export const MODIFY_HOOKS = ['modifyUnsigned'] as const satisfies readonly ModifyHook[];

export const NOTICE_HOOKS = [
  'onEvent',
  'onRegistered',
  'onProfileChanged',
  'onDeactivated',
] as const satisfies readonly NoticeHook[];

/** The permission that a manifest must name for each hook. */
export const HOOK_PERMISSIONS: Readonly<Record<HookName, string>> = {
  checkEvent: 'server:events',
  modifyUnsigned: 'server:events',
  onEvent: 'server:events',
  checkRegistration: 'server:accounts',
  checkLogin: 'server:accounts',
  onRegistered: 'server:accounts',
  onDeactivated: 'server:accounts',
  checkInvite: 'server:rooms',
  checkJoin: 'server:rooms',
  checkUpload: 'server:media',
  checkProfile: 'server:profiles',
  onProfileChanged: 'server:profiles',
};

/** What a `check*` hook answers. Anything else counts as a failure of the plugin. */
export const verdictSchema = z.union([
  z.strictObject({ allow: z.literal(true) }),
  z.strictObject({
    allow: z.literal(false),
    errcode: z.string().regex(/^[A-Z][A-Z0-9_.]{1,63}$/),
    reason: z.string().max(LIMITS.reason),
  }),
]);

/** What `modifyUnsigned` answers. */
export const additionsSchema = z.record(z.string().max(255), z.record(z.string(), z.unknown()));

export type Verdict = z.output<typeof verdictSchema>;

/** Lets it happen. */
export const allow = (): Verdict => ({ allow: true });

/** Refuses it: the client gets HTTP 403 with this errcode (`M_FORBIDDEN`, or one of the plugin's own) and reason. */
export const reject = (errcode: string, reason: string): Verdict => ({
  allow: false,
  errcode,
  reason: reason.slice(0, LIMITS.reason),
});
