/** Shapes that the arguments of several operations share. */
import * as z from 'zod/mini';

export const deviceId = z.string().check(z.minLength(1), z.maxLength(255));
export const text = z.string().check(z.maxLength(4096));
export const passphrase = z.string().check(z.minLength(1), z.maxLength(1024));
export const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
export const content = z.record(z.string(), z.unknown());
export const flowId = z.string().check(z.minLength(1), z.maxLength(255));
export const opaqueId = z.string().check(z.minLength(1), z.maxLength(255));
