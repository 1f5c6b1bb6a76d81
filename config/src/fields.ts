import { isIP } from 'node:net';
import { z } from 'zod';
import { isMongoAddress, isRedisAddress } from './addresses.ts';
import { Secret } from './secret.ts';

/**
 * Building blocks of the configuration's schema. The `kind` of a field's metadata is what the generated reference
 * calls its type; `env` is the environment variable that overrides it.
 */
export type FieldMeta = { readonly kind?: string; readonly env?: string; readonly example?: unknown };

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

/** Number and unit of `text`, multiplied out, or undefined when it is not written so. */
const parseQuantity = (text: string, units: Readonly<Record<string, number>>): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  return match?.[1] === undefined || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
};

const quantity = (
  kind: string,
  units: Readonly<Record<string, number>>,
  hint: string,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { readonly least?: number; readonly most?: number } = {},
) =>
  z
    .union([z.number().int().nonnegative(), z.string()], { error: `expected ${hint}` })
    .transform((value, context) => {
      const parsed = typeof value === 'number' ? value : parseQuantity(value, units);
      if (parsed !== undefined && Number.isSafeInteger(parsed) && parsed >= least && parsed <= most)
        return parsed;
      context.addIssue({ code: 'custom', message: `expected ${hint}` });
      return z.NEVER;
    })
    .meta({ kind });

/** A length of time such as `30s`, `10m`, `7d`; in code, milliseconds. */
export const duration = () =>
  quantity('duration', DURATION_UNITS, 'a duration such as 500ms, 30s, 10m, 12h or 7d');

/** A timer of more than 24 days ends at once. */
const LONGEST_TIMEOUT_MS = 86_400_000;

/** How long something is waited for: a duration from 1 ms to a day; in code, milliseconds. */
export const timeout = () =>
  quantity('duration', DURATION_UNITS, 'a duration from 1ms to 1d, such as 500ms, 30s or 10m', {
    least: 1,
    most: LONGEST_TIMEOUT_MS,
  });

/** A number of bytes such as `50MiB`; in code, bytes. */
export const size = () => quantity('size', SIZE_UNITS, 'a size such as 64KiB, 50MiB or 1GB');

/** A value that is never printed; in code, a `Secret`. */
export const secret = () =>
  z
    .string()
    .min(1, 'must not be empty')
    .transform((value) => new Secret(value))
    .meta({ kind: 'secret' });

const address = (isRight: (text: string) => boolean, hint: string) =>
  z
    .string()
    .refine(isRight, { error: `expected ${hint}` })
    .transform((value) => new Secret(value))
    .meta({ kind: 'secret' });

/** Address of a MongoDB; it may hold a password. */
export const mongoAddress = () =>
  address(
    isMongoAddress,
    'mongodb://HOST[:PORT][,…]/ or mongodb+srv://HOST/, with @, : and / in a password percent-encoded',
  );

/** Address of a Redis; it may hold a password. */
export const redisAddress = () =>
  address(isRedisAddress, 'redis://HOST[:PORT][/NUMBER], rediss:// for TLS, or the path of a socket');

/** An address to listen on. */
export const bindAddress = () =>
  z
    .string()
    .refine((text) => text === 'localhost' || isIP(text) !== 0, {
      error: 'expected an IP address such as 127.0.0.1, 0.0.0.0 or ::, without brackets and port',
    })
    .meta({ kind: 'IP address' });

const isAddressBlock = (text: string): boolean => {
  const [network = '', prefix, ...rest] = text.split('/');
  const family = isIP(network);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
};

/** An IP address or a block of them. */
export const addressBlock = () =>
  z
    .string()
    .refine(isAddressBlock, { error: 'expected an IP address or a block such as 10.0.0.0/8' })
    .meta({ kind: 'IP address or CIDR block' });

/** A file whose trimmed content becomes the secret of the same name without `File`. */
export const secretFile = () => z.string().min(1).meta({ kind: 'path' });

/** A path; relative ones start at the working directory. */
export const path = () => z.string().min(1, 'must not be empty').meta({ kind: 'path' });

/** A TCP port. */
export const port = () => z.number().int().min(0).max(65_535).meta({ kind: 'port' });

/** An absolute http(s) address. */
export const httpUrl = () =>
  z
    .url({ protocol: /^https?$/, error: 'expected an http:// or https:// address' })
    .transform((value) => value.replace(/\/+$/, ''))
    .meta({ kind: 'URL' });

const DNS_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const IPV6_LITERAL = /^\[[0-9A-Fa-f:.]{2,45}\]$/;

/** Whether `text` is a Matrix server name: host or IP literal with an optional port (spec: Appendices, Server Name). */
export const isServerName = (text: string): boolean => {
  if (text.length > 230) return false;
  const portMatch = /:(\d{1,5})$/.exec(text);
  const host = portMatch === null ? text : text.slice(0, portMatch.index);
  if (portMatch !== null && Number(portMatch[1]) > 65_535) return false;
  return DNS_NAME.test(host) || IPV6_LITERAL.test(host);
};

/** A Matrix server name. */
export const serverName = () =>
  z
    .string()
    .refine(isServerName, { error: 'expected a server name such as example.org or localhost:8008' })
    .meta({ kind: 'server name' });

/** A Matrix server name in which `*` stands for any run of characters. */
export const serverPattern = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9.*:[\]-]+$/, 'expected a server name, in which * may stand for any part')
    .meta({ kind: 'server name pattern' });

/** A token bucket: `perSecond` refills it, `burst` is what it holds. */
export const rateLimit = (perSecond: number, burst: number) =>
  z
    .strictObject({
      perSecond: z.number().positive().default(perSecond),
      burst: z.number().int().positive().default(burst),
    })
    .prefault({})
    .meta({ kind: 'rate limit' });
