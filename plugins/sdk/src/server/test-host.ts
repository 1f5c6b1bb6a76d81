import { LIMITS } from '../limits.ts';
import { manifestSchema } from '../manifest.ts';
import { comparePermissions } from '../permissions.ts';
import { RpcError } from '../rpc/messages.ts';
import { isCompatible } from '../version.ts';
import type {
  CheckHook,
  CheckInputs,
  NoticeHook,
  NoticeInputs,
  PluginEvent,
  UnsignedAdditions,
  Verdict,
} from './hooks.ts';
import { additionsSchema, verdictSchema } from './hooks.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { PluginRequest, PluginResponse, ServerPlugin, ServerStorage } from './plugin.ts';
import { responseSchema } from './protocol.ts';
import { ServerRuntime } from './runtime.ts';

export type TestHostOptions = {
  /** The parsed `plugin.json`, as it is; it goes through the same checks as on a server. */
  readonly manifest: unknown;
  /** What the operator would write under `config`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly serverName?: string;
};

/** A plugin that runs in the test's own process, on storage in memory and a clock that stands still. */
export interface TestHost {
  check<H extends CheckHook>(hook: H, input: CheckInputs[H]): Promise<Verdict>;
  notice<H extends NoticeHook>(hook: H, input: NoticeInputs[H]): Promise<void>;
  modifyUnsigned(events: readonly PluginEvent[]): Promise<UnsignedAdditions>;
  /** A request to a route, by its path in the manifest. */
  request(
    request: Pick<PluginRequest, 'method' | 'route'> & Partial<PluginRequest>,
  ): Promise<PluginResponse & { readonly status: number }>;
  /** Runs a schedule once. */
  tick(name: string): Promise<void>;
  /** Moves the plugin's clock on. */
  advance(milliseconds: number): void;
  /** What the plugin stored. */
  readonly storage: ServerStorage;
  /** What the plugin logged. */
  readonly logs: readonly { readonly level: string; readonly message: string }[];
}

const START_OF_TESTS = Date.UTC(2030, 0, 1);

/** Everything crosses a border of processes on a server: only JSON survives it. */
const overTheWire = (value: unknown): unknown => {
  const text = JSON.stringify(value ?? null) as string | undefined;
  if (text === undefined) throw new RpcError('invalid', 'a value that is no JSON');
  if (new TextEncoder().encode(text).length > LIMITS.messageBytes)
    throw new RpcError('too_large', 'a message larger than the limit');
  return JSON.parse(text) as unknown;
};

/**
 * Runs a server plugin for a test. Throws what a server would refuse: a manifest with mistakes, permissions that are
 * missing or not needed, an SDK it was not written for, registrations that differ from the manifest.
 */
export const createTestHost = async (plugin: ServerPlugin, options: TestHostOptions): Promise<TestHost> => {
  const manifest = manifestSchema.parse(options.manifest);
  if (!isCompatible(manifest.sdk)) throw new RpcError('incompatible', `the plugin wants SDK ${manifest.sdk}`);
  const { missing, unused } = comparePermissions(manifest);
  if (missing.length + unused.length > 0)
    throw new RpcError('permissions', `missing: ${missing.join(', ')}; not needed: ${unused.join(', ')}`);
  const storage = new MemoryStorage();
  const logs: { level: string; message: string }[] = [];
  const say = (level: string) => (message: string) =>
    void logs.push({ level, message: message.slice(0, LIMITS.logLine) });
  let now = START_OF_TESTS;
  const runtime = await ServerRuntime.start(plugin, manifest, {
    config: options.config ?? {},
    serverName: options.serverName ?? 'test.example',
    storage,
    log: { info: say('info'), warn: say('warn'), error: say('error') },
    now: () => now,
  });
  const call = async (method: string, params: unknown): Promise<unknown> =>
    overTheWire(await runtime.call(method, overTheWire(params)));
  return {
    check: async (hook, input) => verdictSchema.parse(await call('check', { hook, input })),
    notice: async (hook, input) => {
      await call('notice', { hook, input });
    },
    modifyUnsigned: async (events) =>
      additionsSchema.parse(await call('modify', { hook: 'modifyUnsigned', input: { events } })),
    request: async (request) =>
      responseSchema.parse(await call('request', { params: {}, query: {}, ...request })),
    tick: async (name) => {
      await call('tick', { name });
    },
    advance: (milliseconds) => {
      now += milliseconds;
    },
    storage,
    logs,
  };
};
