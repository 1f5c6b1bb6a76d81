import { z } from 'zod';
import { CLIENT_POINTS } from './client/points.ts';
import { CHECK_HOOKS, MODIFY_HOOKS, NOTICE_HOOKS } from './server/hooks.ts';
import { isRange } from './version.ts';

const MAX_TEXT = 200;
const MAX_CONTRIBUTIONS = 50;
const MAX_TIMEOUT_MS = 10_000;

/** Reverse DNS, lower case: it names a path of the server, a folder and a storage space. */
export const pluginIdSchema = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+$/, 'expected reverse DNS, such as org.example.reports');

const versionSchema = z
  .string()
  .max(64)
  .regex(/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/, 'expected 1.2.3');

/** A file of the plugin, relative to its folder; never outside it. */
const fileSchema = z
  .string()
  .max(MAX_TEXT)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/,
    'expected a path inside the folder',
  );

const nameSchema = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*$/);

const checkHookSchema = z.strictObject({
  /** What the author proposes for when the plugin fails: `open` goes on without it, `closed` refuses. */
  onFailure: z.enum(['open', 'closed']).default('open'),
  /** Milliseconds; the server's own limit applies when it is shorter. */
  timeoutMs: z.number().int().min(10).max(MAX_TIMEOUT_MS).optional(),
});

const routeSchema = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']),
  path: z
    .string()
    .max(MAX_TEXT)
    .regex(/^(?:\/(?:[A-Za-z0-9_.-]+|\{[A-Za-z]+\}))+$/, 'expected /segments/{parameters}'),
  auth: z.enum(['none', 'access_token', 'admin']).default('access_token'),
});

const scheduleSchema = z.strictObject({
  name: nameSchema,
  everyMinutes: z.number().int().min(1).max(44_640),
});

const hook = <const H extends string, S extends z.ZodType>(names: readonly H[], schema: S) =>
  z.partialRecord(z.enum(names), schema).default({});

const serverContributionsSchema = z.strictObject({
  checks: hook(CHECK_HOOKS, checkHookSchema),
  modifies: z.array(z.enum(MODIFY_HOOKS)).max(MAX_CONTRIBUTIONS).default([]),
  notices: z.array(z.enum(NOTICE_HOOKS)).max(MAX_CONTRIBUTIONS).default([]),
  routes: z.array(routeSchema).max(MAX_CONTRIBUTIONS).default([]),
  schedules: z.array(scheduleSchema).max(MAX_CONTRIBUTIONS).default([]),
});

const clientContributionSchema = z.strictObject({
  point: z.enum(CLIENT_POINTS),
  id: nameSchema,
  title: z.string().min(1).max(MAX_TEXT),
  /** What the contribution is about where the permission is scoped: an event type, a profile field, a name. */
  scope: z.string().min(1).max(MAX_TEXT).optional(),
});

const settingSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('boolean'), title: z.string().max(MAX_TEXT), default: z.boolean() }),
  z.strictObject({
    type: z.literal('number'),
    title: z.string().max(MAX_TEXT),
    default: z.number(),
    min: z.number().optional(),
    max: z.number().optional(),
  }),
  z.strictObject({
    type: z.literal('text'),
    title: z.string().max(MAX_TEXT),
    default: z.string().max(1_000),
  }),
  z.strictObject({
    type: z.literal('choice'),
    title: z.string().max(MAX_TEXT),
    options: z.array(z.string().max(MAX_TEXT)).min(1).max(50),
    default: z.string().max(MAX_TEXT),
  }),
]);

/** `plugin.json`: what a plugin is, does and may do. Checked when it is built, installed and loaded. */
export const manifestSchema = z
  .strictObject({
    $schema: z.string().optional(),
    id: pluginIdSchema,
    version: versionSchema,
    /** Versions of the SDK it runs on: `^0.1.0`. */
    sdk: z.string().refine(isRange, 'expected 1.2.3, ~1.2.3 or ^1.2.3'),
    name: z.string().min(1).max(MAX_TEXT),
    description: z.string().max(1_000).default(''),
    /** Where the client part runs; what `trusted` means is up to the operator, who installs it. */
    tier: z.enum(['sandboxed', 'trusted']).default('sandboxed'),
    entry: z
      .strictObject({ client: fileSchema.optional(), server: fileSchema.optional() })
      .refine(({ client, server }) => client !== undefined || server !== undefined, 'names no file'),
    contributes: z
      .strictObject({
        client: z.array(clientContributionSchema).max(MAX_CONTRIBUTIONS).default([]),
        server: serverContributionsSchema.prefault({}),
      })
      .prefault({}),
    /** When the client part starts: at once, or with the first use of a contribution. */
    activation: z.enum(['start', 'use']).default('use'),
    permissions: z.array(z.string().max(MAX_TEXT)).max(MAX_CONTRIBUTIONS).default([]),
    /** Domains that the client part may reach through the host. */
    network: z
      .array(
        z
          .string()
          .max(253)
          .regex(/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/),
      )
      .max(20)
      .default([]),
    settings: z.record(nameSchema, settingSchema).default({}),
    /** SHA-256 of each file but this one, in base64, by path: written when the plugin is packed. */
    integrity: z.record(fileSchema, z.string().regex(/^sha256-[A-Za-z0-9+/]{43}=$/)).optional(),
  })
  .readonly();

export type Manifest = z.output<typeof manifestSchema>;

/** What a `plugin.json` may hold: everything with a default is optional. */
export type ManifestInput = z.input<typeof manifestSchema>;
