/** Files, encrypted and decrypted. */
import * as z from 'zod/mini';
import { text, bytes, opaqueId } from './fields.ts';

const attachmentInfo = z.object({
  name: z.optional(text),
  mimetype: z.optional(z.string().check(z.maxLength(255))),
});

/** How an attachment is described inside an encrypted event; opaque to the page beyond `url`. */
export const encryptedFileSchema = z.object({
  v: z.literal('chat.nyx.file.v1'),
  url: z.string().check(z.maxLength(1024)),
  key: z.string().check(z.length(43)),
  nonce: z.string().check(z.length(22)),
  chunk: z.number().check(z.int(), z.minimum(1024), z.maximum(1_048_576)),
  size: z.number().check(z.int(), z.minimum(0)),
  sha256: z.string().check(z.length(43)),
});
export type EncryptedFile = z.infer<typeof encryptedFileSchema>;

/** Arguments of the operations on files. */
export const attachmentArgs = {
  /** `progressId` names the notices. The answer's `file` goes into the event once `url` is filled in. */
  encryptAttachment: z.object({
    data: bytes,
    info: z._default(attachmentInfo, {}),
    progressId: z.optional(opaqueId),
  }),
  decryptAttachment: z.object({ data: bytes, file: encryptedFileSchema, progressId: z.optional(opaqueId) }),
} as const;

/** Their results. */
export type AttachmentResults = {
  encryptAttachment: { readonly data: Uint8Array; readonly file: Omit<EncryptedFile, 'url'> };
  decryptAttachment: { readonly data: Uint8Array };
};
