/** Verifying people and devices, and linking a device. */
import * as z from 'zod/mini';
import { userIdSchema } from '../events.ts';
import { deviceId, bytes, flowId } from './fields.ts';

/** Arguments of the operations on verifications and links. */
export const flowArgs = {
  startVerification: z.object({ userId: userIdSchema, deviceId: z.optional(deviceId) }),
  acceptVerification: z.object({ flowId }),
  /** Begins emoji comparison in a flow both sides agreed to. */
  startEmoji: z.object({ flowId }),
  confirmEmoji: z.object({ flowId, match: z.boolean() }),
  /** Payload of our QR code for this flow. */
  showQr: z.object({ flowId }),
  scanQr: z.object({ flowId: z.optional(flowId), payload: bytes }),
  /** The user saw that the other side scanned our code. */
  confirmScanned: z.object({ flowId }),
  cancelVerification: z.object({ flowId }),
  /** New device: the payload to show as a QR code to an old one. */
  startLinking: z.object({}),
  /** Old device: the payload it scanned. The user has confirmed that they mean to link. */
  approveLinking: z.object({ payload: bytes }),
} as const;

export type VerificationState = {
  readonly flowId: string;
  readonly userId: string;
  readonly deviceId: string | undefined;
  readonly incoming: boolean;
  readonly phase:
    | 'requested'
    | 'ready'
    | 'emoji-wait'
    | 'emoji-compare'
    | 'qr-shown'
    | 'qr-scanned'
    | 'waiting'
    | 'done'
    | 'cancelled';
  /** Seven pairs in phase `emoji-compare`: index into the spec's table, the emoji and its English name. */
  readonly emoji?: readonly { readonly number: number; readonly emoji: string; readonly name: string }[];
  readonly canShowQr: boolean;
  readonly canScanQr: boolean;
  /** Why it ended, in phase `cancelled`: an `m.*` code of the spec. */
  readonly code?: string;
};

export type LinkingState = {
  readonly phase: 'showing' | 'found' | 'receiving' | 'done' | 'failed';
  readonly code?: string;
};

/** Their results. */
export type FlowResults = {
  startVerification: VerificationState;
  acceptVerification: VerificationState;
  startEmoji: VerificationState;
  confirmEmoji: VerificationState;
  showQr: { readonly payload: Uint8Array };
  scanQr: VerificationState;
  confirmScanned: VerificationState;
  cancelVerification: VerificationState;
  startLinking: { readonly payload: Uint8Array };
  approveLinking: LinkingState;
};
