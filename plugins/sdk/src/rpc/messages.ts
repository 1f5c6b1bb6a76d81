import { z } from 'zod';

const id = z.number().int().nonnegative();

/** JSON-RPC 2.0, without batches; both sides call and answer. A call without an id wants no answer. */
export const rpcMessageSchema = z.union([
  z.strictObject({
    jsonrpc: z.literal('2.0'),
    id: id.optional(),
    method: z.string().min(1).max(64),
    params: z.unknown().optional(),
  }),
  z.strictObject({ jsonrpc: z.literal('2.0'), id, result: z.unknown() }),
  z.strictObject({
    jsonrpc: z.literal('2.0'),
    id,
    error: z.object({ code: z.string().max(64), message: z.string().max(4_096) }),
  }),
]);

export type RpcMessage = z.output<typeof rpcMessageSchema>;

/** Why a call has no answer. `code` is stable. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
