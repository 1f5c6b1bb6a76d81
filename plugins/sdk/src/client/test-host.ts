import { manifestSchema, type Manifest } from '../manifest.ts';
import { comparePermissions } from '../permissions.ts';
import { RpcError } from '../rpc/messages.ts';
import { isCompatible } from '../version.ts';
import { admit } from './access.ts';
import type { ClientContributions, TrustedContributions } from './contributions.ts';
import type { ArrivedEvent, DeviceMessage } from './data.ts';
import type { ClientNotice, ClientNotices, SandboxedPlugin, TrustedPlugin, UiKit } from './plugin.ts';
import { scopeCovers } from './points.ts';
import { admitSealed } from './sealed-calls.ts';
import { answerSealed } from './test-profiles.ts';
import { ClientRuntime, type ClientRuntimeOptions } from './runtime.ts';
import { TestCalls } from './test-calls.ts';
import { TestNetwork, type TestDevice } from './test-network.ts';

export type ClientTestOptions = {
  /** The parsed `plugin.json`, as it is; it goes through the same checks as in a client. */
  readonly manifest: unknown;
  /** Give the same one to several hosts, and their users can talk. */
  readonly network?: TestNetwork;
  readonly userId?: string;
  readonly deviceId?: string;
  readonly locale?: string;
  readonly settings?: Readonly<Record<string, boolean | number | string>>;
  /** Permissions that the person granted; all of the manifest when not given. */
  readonly granted?: readonly string[];
};

/** A client plugin that runs in the test's own process, with the walls of a client and a clock that stands still. */
export interface ClientTestHost<Contributions> {
  /** A contribution, to call what it registered. Throws for what was not registered. */
  get<P extends keyof Contributions & string>(point: P, id: string): Contributions[P];
  /** Tells the plugin of something. */
  notify<N extends ClientNotice>(notice: N, input: ClientNotices[N]): Promise<void>;
  /** Brings events to its `read-events`. */
  deliver(events: readonly ArrivedEvent[]): Promise<void>;
  /** Moves the clock on, and runs what was to run `after`. */
  advance(milliseconds: number): Promise<void>;
  /** What it did to the outside, and what the outside answers. */
  readonly calls: TestCalls;
  readonly network: TestNetwork;
  /** What its handlers threw. */
  readonly errors: readonly unknown[];
  /** Stops the plugin, as when it is disabled. */
  stop(): Promise<void>;
}

const START_OF_TESTS = Date.UTC(2030, 0, 1);

/** Drawn as nothing: a test that draws brings its own. */
const nothing = { render: () => null };
const KIT: UiKit = {
  Button: nothing,
  IconButton: nothing,
  Switch: nothing,
  TextField: nothing,
  Dialog: nothing,
  Avatar: nothing,
  NoticeBar: nothing,
  Spinner: nothing,
};

/** Points that are told of things, with their permission. */
const READERS = { 'read-events': 'events:read:', 'device-messages': 'devices:message:' } as const;

type Timer = { readonly at: number; readonly run: () => void };

const parsed = (input: unknown): Manifest => {
  const manifest = manifestSchema.parse(input);
  if (!isCompatible(manifest.sdk)) throw new RpcError('incompatible', `the plugin wants SDK ${manifest.sdk}`);
  const { missing, unused } = comparePermissions(manifest);
  if (missing.length + unused.length > 0)
    throw new RpcError('permissions', `missing: ${missing.join(', ')}; not needed: ${unused.join(', ')}`);
  return manifest;
};

type Starting = (options: ClientRuntimeOptions) => Promise<ClientRuntime>;

const create = async <Contributions>(
  manifest: Manifest,
  options: ClientTestOptions,
  start: Starting,
): Promise<ClientTestHost<Contributions>> => {
  const network = options.network ?? new TestNetwork();
  const self = {
    userId: options.userId ?? '@ann:test.example',
    deviceId: options.deviceId ?? `DEVICE${network.next()}`,
  };
  const errors: unknown[] = [];
  const timers = new Set<Timer>();
  let now = START_OF_TESTS;
  // Nothing happens to a plugin before its setup has ended.
  let notify: ClientTestHost<Contributions>['notify'] = () => Promise.resolve();
  const calls = new TestCalls(
    network,
    self,
    manifest.id,
    () => now,
    (name) => notify('settings', { name }),
  );
  Object.assign(calls.settings, options.settings);
  const granted = new Set(options.granted ?? manifest.permissions);
  const nameOf = (handle: string): string | undefined => calls.secrets.get(handle)?.name;
  const runtime = await start({
    manifest,
    onError: (error) => void errors.push(error),
    services: {
      self,
      locale: () => options.locale ?? 'en',
      now: () => now,
      newId: () => `id${network.next()}`,
      after: (milliseconds, run) => {
        const timer = { at: now + milliseconds, run };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
      settings: () => calls.settings,
      call: async (call, params) => calls.answerCall(admit({ manifest, granted, nameOf }, call, params)),
      sealed: async (call, params) =>
        answerSealed(network.sealed, self.userId, calls, admitSealed({ manifest, granted }, call, params)),
    },
  });
  notify = (notice, input) => runtime.notify(notice, input);
  network.sealed.listen(self.userId, (notice, userId) => notify(notice, { userId }));
  const take = async (point: keyof typeof READERS, type: string, input: unknown): Promise<void> => {
    for (const { point: own, scope = '', contribution } of runtime.contributions) {
      if (own !== point || !scopeCovers(scope, type) || !granted.has(READERS[point] + scope)) continue;
      try {
        // Registered under this point, and `contribute` ties points to contributions.
        await (contribution as { take: (value: unknown) => unknown }).take(input);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  const deliver = async (events: readonly ArrivedEvent[]): Promise<void> => {
    for (const event of events) await take('read-events', event.type, [event]);
  };
  const device: TestDevice = {
    ...self,
    takeEvents: deliver,
    takeMessage: (message: DeviceMessage) => take('device-messages', message.type, message),
    takeSecret: async (name, handle, owner) => {
      if (!calls.secrets.has(handle)) await notify('secret', calls.keep(name, handle, owner));
    },
  };
  network.devices.push(device);
  return {
    get: (point, id) => {
      const found = runtime.contributions.find((one) => one.point === point && one.id === id);
      if (found === undefined) throw new RpcError('mismatch', `nothing registered as ${point} ${id}`);
      // Registered under this point, and `contribute` ties points to contributions.
      return found.contribution as never;
    },
    notify,
    deliver,
    advance: async (milliseconds) => {
      now += milliseconds;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at > now || !timers.delete(timer)) continue;
        timer.run();
      }
      // What the timers began gets to its next wait.
      await Promise.resolve();
    },
    calls,
    network,
    errors,
    stop: async () => {
      const at = network.devices.indexOf(device);
      if (at !== -1) network.devices.splice(at, 1);
      await runtime.dispose();
    },
  };
};

/**
 * Runs a sandboxed client plugin for a test. Throws what a client would refuse: a manifest with mistakes, permissions
 * that are missing or not needed, an SDK it was not written for, registrations that differ from the manifest.
 */
export const createTestHost = async (
  plugin: SandboxedPlugin,
  options: ClientTestOptions,
): Promise<ClientTestHost<ClientContributions>> => {
  const manifest = parsed(options.manifest);
  return create(manifest, options, (given) => ClientRuntime.startSandboxed(plugin, given));
};

/** Runs a trusted client plugin for a test; throws as `createTestHost` does. */
export const createTrustedTestHost = async (
  plugin: TrustedPlugin,
  options: ClientTestOptions,
): Promise<ClientTestHost<TrustedContributions>> => {
  const manifest = parsed(options.manifest);
  if (manifest.tier !== 'trusted') throw new RpcError('mismatch', 'the manifest does not say trusted');
  return create(manifest, options, (given) => ClientRuntime.startTrusted(plugin, KIT, given));
};
