/**
 * The typed message protocol between the page and the crypto worker.
 *
 * The page posts `{id, op, args}` and gets `{id, ok, result | error}` back; the worker also posts `{notice}` when
 * something changed. Arguments are parsed with zod on arrival: a message that does not fit is answered with
 * `BAD_MESSAGE` and changes nothing. No message ever carries a private key to the page; the exceptions are the
 * recovery words, the recovery key, and the code that hands a plugin's secret over by camera, which exist to be shown.
 *
 * The engine does no network of its own. Whatever it needs from the homeserver comes as `OutgoingRequest`s in a
 * `requests` notice; the page performs each (same method, path, body, in any order) and reports `requestDone` or
 * `requestFailed`. Requests are repeated after a restart until they are reported done, with the same id and path, so
 * performing one twice is harmless. Paths are relative to the homeserver's base URL.
 */
import * as z from 'zod/mini';
import { attachmentArgs, type AttachmentResults } from './protocol/attachments.ts';
import type { EngineFailure } from './protocol/errors.ts';
import { flowArgs, type FlowResults } from './protocol/flows.ts';
import { identityArgs, type IdentityResults } from './protocol/identity.ts';
import { localArgs, type LocalResults } from './protocol/local.ts';
import { messageArgs, type MessageResults } from './protocol/messages.ts';
import type { EngineNotice } from './protocol/notices.ts';
import { pluginArgs, type PluginResults } from './protocol/plugins.ts';
import { syncArgs, type SyncResults } from './protocol/sync.ts';
import { profileArgs, type ProfileResults } from './protocol/profiles.ts';
import { vaultArgs, type VaultResults } from './protocol/vault.ts';

/** Arguments of each operation. */
export const engineArgs = {
  ...vaultArgs,
  ...identityArgs,
  ...syncArgs,
  ...messageArgs,
  ...flowArgs,
  ...localArgs,
  ...attachmentArgs,
  ...profileArgs,
  ...pluginArgs,
} as const;

export type EngineOp = keyof typeof engineArgs;
/** What the caller may leave out is optional here (schema input side). */
export type EngineArgs<Op extends EngineOp> = z.input<(typeof engineArgs)[Op]>;
export type ParsedArgs<Op extends EngineOp> = z.output<(typeof engineArgs)[Op]>;

/** Result of each operation. */
export type EngineResults = VaultResults &
  IdentityResults &
  SyncResults &
  MessageResults &
  FlowResults &
  LocalResults &
  AttachmentResults &
  ProfileResults &
  PluginResults;

export type ToWorker = {
  [Op in EngineOp]: { readonly id: number; readonly op: Op; readonly args: EngineArgs<Op> };
}[EngineOp];

export type FromWorker =
  | { readonly id: number; readonly ok: true; readonly result: EngineResults[EngineOp] }
  | { readonly id: number; readonly ok: false; readonly error: EngineFailure }
  | { readonly notice: EngineNotice };

export const toWorkerSchema = z.object({
  id: z.number().check(z.int(), z.nonnegative()),
  op: z.enum(Object.keys(engineArgs) as [EngineOp, ...EngineOp[]]),
  args: z.unknown(),
});

/** What both the worker client and the Node host offer. */
export interface EngineClient {
  call<Op extends EngineOp>(op: Op, args: EngineArgs<Op>): Promise<EngineResults[Op]>;
  /** Returns the function that unsubscribes. */
  onNotice(listener: (notice: EngineNotice) => void): () => void;
  close(): Promise<void>;
}
