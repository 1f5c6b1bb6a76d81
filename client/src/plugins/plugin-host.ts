import { admit } from '@nyx/plugin-sdk/client/access.ts';
import type { ArrivedEvent, DeviceMessage } from '@nyx/plugin-sdk/client/data.ts';
import type { ClientNotice, ClientNotices, UiKit } from '@nyx/plugin-sdk/client/plugin.ts';
import { CAPABILITY_POINTS, scopeCovers, type ClientPoint } from '@nyx/plugin-sdk/client/points.ts';
import { ClientRuntime, type Registered } from '@nyx/plugin-sdk/client/runtime.ts';
import { manifestSchema, type Manifest } from '@nyx/plugin-sdk/manifest.ts';
import { comparePermissions } from '@nyx/plugin-sdk/permissions.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import { isCompatible } from '@nyx/plugin-sdk/version.ts';
import type { SessionRuntime } from '../runtime/session-runtime.ts';
import { Arrivals } from './arrivals.ts';
import type { BundledPlugin } from './bundled.ts';
import { HostCalls, infoOf, type PageServices } from './host-calls.ts';
import { PluginStates, type KeptState } from './plugin-states.ts';
import { PluginStorage } from './plugin-storage.ts';
import {
  contributions,
  openPanel,
  plugins,
  type ListedPlugin,
  type Live,
  type PluginState,
} from './registry.ts';

/** Points at which this client shows or asks plugins; one that needs another does not start. */
const SERVED: ReadonlySet<ClientPoint> = new Set<ClientPoint>([
  ...CAPABILITY_POINTS,
  'overlay',
  'room-header-button',
  'side-panel',
  'user-card',
  'settings-pane',
  'message-renderer',
  'slash-command',
  'profile-resolver',
  'read-events',
  'device-messages',
  'call-provider',
]);

const MAX_ERRORS = 3;
const ERROR_WINDOW_MS = 5 * 60_000;
const MAX_LOG = 200;

type Running = { readonly runtime: ClientRuntime; readonly handles: Map<string, string> };

type Known = {
  readonly manifest: Manifest;
  readonly source: BundledPlugin;
  readonly storage: PluginStorage;
  readonly errors: number[];
  kept: KeptState;
  state: PluginState;
  reason: string;
  running: Running | undefined;
};

export type LogLine = { readonly plugin: string; readonly level: string; readonly message: string };

/** How the page looks and speaks. */
export type HostLook = {
  readonly locale: () => string;
  /** Says that a plugin was switched off after errors. */
  readonly failed: (name: string) => string;
  readonly kit: UiKit;
};

/** Runs the plugins of a session, and shows what they bring through the registry. */
export class PluginHost {
  readonly #runtime: SessionRuntime;
  readonly #page: PageServices;
  readonly #calls: HostCalls;
  readonly #arrivals: Arrivals;
  readonly #states: PluginStates;
  readonly #look: HostLook;
  readonly #known = new Map<string, Known>();
  readonly #ends: (() => void)[] = [];
  /** What plugins logged last, for the inspector. */
  readonly log: LogLine[] = [];

  constructor(runtime: SessionRuntime, page: PageServices, look: HostLook) {
    this.#runtime = runtime;
    this.#page = page;
    this.#calls = new HostCalls(runtime, page);
    this.#arrivals = new Arrivals(runtime);
    this.#states = new PluginStates(runtime.engine);
    this.#look = look;
  }

  /** Starts what is switched on. */
  async start(sources: readonly BundledPlugin[]): Promise<void> {
    for (const source of sources) {
      const parsed = manifestSchema.safeParse(await source.manifest());
      if (!parsed.success) {
        this.#runtime.platform.report(parsed.error);
        continue;
      }
      const manifest = parsed.data;
      // Who installed the client installed these: they may what they ask for, until the person says otherwise.
      const kept = (await this.#states.load(manifest.id)) ?? {
        enabled: true,
        granted: [...manifest.permissions],
        settings: {},
      };
      this.#known.set(manifest.id, {
        ...{ manifest, source, kept, errors: [], reason: '', running: undefined },
        storage: new PluginStorage(this.#runtime.engine, manifest.id),
        state: 'disabled',
      });
    }
    this.#listen();
    for (const known of this.#known.values()) await this.#startOne(known);
  }

  /** Stops all; nothing of theirs stays in the page. */
  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    for (const known of this.#known.values()) await this.#stopOne(known, 'disabled', '');
    this.#known.clear();
    plugins.value = [];
  }

  async enable(id: string, enabled: boolean): Promise<void> {
    const known = this.#get(id);
    await this.#keep(known, { ...known.kept, enabled });
    known.errors.length = 0;
    if (enabled) await this.#startOne(known);
    else await this.#stopOne(known, 'disabled', '');
  }

  /** Grants or takes back a permission; takes effect at once. */
  async grant(id: string, permission: string, granted: boolean): Promise<void> {
    const known = this.#get(id);
    const others = known.kept.granted.filter((one) => one !== permission);
    const isAsked = known.manifest.permissions.includes(permission);
    await this.#keep(known, {
      ...known.kept,
      granted: granted && isAsked ? [...others, permission] : others,
    });
    await this.#stopOne(known, 'disabled', '');
    await this.#startOne(known);
  }

  /** Switches it off and erases everything it kept on this device: settings, storage, secrets. */
  async erase(id: string): Promise<void> {
    const known = this.#get(id);
    await this.enable(id, false);
    await known.storage.clear();
    await this.#runtime.engine.call('secretClear', { plugin: id });
    await this.#keep(known, { enabled: false, granted: [...known.manifest.permissions], settings: {} });
  }

  settingsOf(id: string): { readonly schema: Manifest['settings']; readonly values: KeptState['settings'] } {
    const { manifest, kept } = this.#get(id);
    return { schema: manifest.settings, values: kept.settings };
  }

  /** @throws RpcError `invalid` for a value that the manifest's schema does not take */
  async setSetting(id: string, name: string, value: boolean | number | string): Promise<null> {
    const known = this.#get(id);
    const schema = Object.hasOwn(known.manifest.settings, name) ? known.manifest.settings[name] : undefined;
    const fits =
      schema !== undefined &&
      typeof value === typeof schema.default &&
      (schema.type !== 'choice' || schema.options.includes(String(value))) &&
      (schema.type !== 'number' ||
        (Number(value) >= (schema.min ?? -Infinity) && Number(value) <= (schema.max ?? Infinity)));
    if (!fits) throw new RpcError('invalid', `not a value of ${name}`);
    await this.#keep(known, { ...known.kept, settings: { ...known.kept.settings, [name]: value } });
    await known.running?.runtime.notify('settings', { name });
    return null;
  }

  #get(id: string): Known {
    const known = this.#known.get(id);
    if (known === undefined) throw new RpcError('unknown_plugin', id);
    return known;
  }

  async #keep(known: Known, kept: KeptState): Promise<void> {
    known.kept = kept;
    await this.#states.save(known.manifest.id, kept);
    this.#publish();
  }

  async #startOne(known: Known): Promise<void> {
    const { manifest, kept } = known;
    if (!kept.enabled || known.running !== undefined) {
      this.#publish();
      return;
    }
    const unmet = this.#whyNot(manifest);
    if (unmet !== undefined) {
      await this.#stopOne(known, 'incompatible', unmet);
      return;
    }
    if (manifest.permissions.some((permission) => !kept.granted.includes(permission))) {
      await this.#stopOne(known, 'needs-permission', '');
      return;
    }
    try {
      const handles = new Map<string, string>();
      const { secrets } = await this.#runtime.engine.call('secretList', { plugin: manifest.id });
      for (const { handle, name } of secrets) handles.set(handle, name);
      const { plugin } = await known.source.load();
      const runtime = await ClientRuntime.startTrusted(plugin, this.#look.kit, {
        manifest,
        services: this.#services(known, handles),
        onError: (error) => this.#failed(known, error),
      });
      known.running = { runtime, handles };
      known.state = 'active';
      known.reason = '';
    } catch (error) {
      await this.#stopOne(known, 'failed', error instanceof Error ? error.message : String(error));
      this.#runtime.platform.report(error);
    }
    this.#publish();
  }

  #whyNot(manifest: Manifest): string | undefined {
    if (!isCompatible(manifest.sdk)) return `SDK ${manifest.sdk}`;
    const { missing, unused } = comparePermissions(manifest);
    if (missing.length + unused.length > 0) return [...missing, ...unused].join(', ');
    const strange = manifest.contributes.client.find(({ point }) => !SERVED.has(point));
    return strange?.point;
  }

  #services(
    known: Known,
    handles: Map<string, string>,
  ): Parameters<typeof ClientRuntime.startTrusted>[2]['services'] {
    const { manifest, storage } = known;
    const { platform, session } = this.#runtime;
    const caller = {
      ...{ id: manifest.id, name: manifest.name, storage },
      setSetting: (name: string, value: boolean | number | string) =>
        this.setSetting(manifest.id, name, value),
      log: (level: string, message: string) => {
        this.log.push({ plugin: manifest.id, level, message });
        if (this.log.length > MAX_LOG) this.log.shift();
      },
    };
    const nameOf = (handle: string): string | undefined => handles.get(handle);
    return {
      self: { userId: session.userId, deviceId: session.deviceId },
      locale: this.#look.locale,
      now: platform.now,
      newId: platform.newId,
      after: platform.after,
      settings: () => known.kept.settings,
      call: async (call, params) => {
        const granted = new Set(known.kept.granted);
        const allowed = admit({ manifest, granted, nameOf }, call, params);
        const answer = await this.#calls.answer(caller, allowed);
        const isSecret = allowed.call === 'secrets.create' || allowed.call === 'secrets.scanCode';
        if (isSecret && typeof answer === 'object' && answer !== null && 'handle' in answer)
          handles.set(String(answer.handle), allowed.params.name);
        return answer;
      },
    };
  }

  async #stopOne(known: Known, state: PluginState, reason: string): Promise<void> {
    const { running } = known;
    known.running = undefined;
    known.state = state;
    known.reason = reason;
    // Out of the page first: its own ends may take a while.
    this.#publish();
    if (openPanel.value?.startsWith(`${known.manifest.id} `) === true) openPanel.value = undefined;
    await running?.runtime.dispose();
  }

  /** Three errors in five minutes switch it off, and the person is told. */
  #failed(known: Known, error: unknown): void {
    this.#runtime.platform.report(error);
    const now = this.#runtime.platform.now();
    known.errors.push(now);
    while ((known.errors[0] ?? now) < now - ERROR_WINDOW_MS) known.errors.shift();
    if (known.errors.length < MAX_ERRORS || known.running === undefined) return;
    this.#page.toast(this.#look.failed(known.manifest.name), 'bad');
    const reason = error instanceof Error ? error.message : String(error);
    void this.#stopOne(known, 'failed', reason).catch(this.#runtime.platform.report);
  }

  #publish(): void {
    const all = [...this.#known.values()];
    plugins.value = all.map(({ manifest, kept, state, reason }): ListedPlugin => ({
      ...{ id: manifest.id, name: manifest.name, version: manifest.version, tier: manifest.tier },
      ...{ description: manifest.description, bundled: true, state, reason },
      ...{ permissions: manifest.permissions, granted: kept.granted },
    }));
    contributions.value = all.flatMap((known) =>
      (known.running?.runtime.contributions ?? []).map((one: Registered): Live => ({
        ...one,
        plugin: known.manifest.id,
        pluginName: known.manifest.name,
        key: `${known.manifest.id} ${one.point} ${one.id}`,
        failed: (error) => this.#failed(known, error),
      })),
    );
  }

  #listen(): void {
    const { onSync, onNotice, platform } = this.#runtime;
    let turn: Promise<void> = Promise.resolve();
    const later = (work: () => Promise<void>): void => {
      turn = turn.then(work).catch(platform.report);
    };
    this.#ends.push(
      onSync.on((changes) => {
        for (const { room } of changes.rooms) this.#tell('room', { roomId: room.roomId });
        for (const roomId of changes.removed) this.#tell('room', { roomId });
        if (this.#readers('read-events').length > 0)
          later(async () => this.#deliver(await this.#arrivals.of(changes)));
      }),
      onNotice.on((notice) => {
        if (notice.kind === 'appMessage') this.#deliverMessage(notice.message);
        if (notice.kind === 'userChanged') this.#tell('devices', { userId: notice.userId });
        if (notice.kind === 'appSecret') {
          const { secret } = notice;
          const running = this.#known.get(secret.plugin)?.running;
          running?.handles.set(secret.handle, secret.name);
          void running?.runtime.notify('secret', infoOf(secret));
        }
        if (notice.kind === 'keysArrived' && this.#readers('read-events').length > 0)
          later(async () => this.#deliver(await this.#arrivals.later(notice.roomId, notice.eventIds)));
      }),
    );
  }

  /** The page saw that somebody became a contact, a stranger, or was blocked. */
  contactChanged(userId: string): void {
    this.#tell('contacts', { userId, relation: this.#calls.relation(userId) });
  }

  localeChanged(locale: string): void {
    this.#tell('locale', { locale });
  }

  #tell<N extends ClientNotice>(notice: N, input: ClientNotices[N]): void {
    for (const { running } of this.#known.values()) void running?.runtime.notify(notice, input);
  }

  #readers(point: 'read-events' | 'device-messages'): readonly Live[] {
    return contributions.value.filter((one) => one.point === point);
  }

  async #deliver(events: readonly ArrivedEvent[]): Promise<void> {
    for (const { contribution, scope = '', failed } of this.#readers('read-events')) {
      const wanted = events.filter(({ type }) => scopeCovers(scope, type));
      if (wanted.length === 0 || !('take' in contribution)) continue;
      try {
        await (contribution.take as (events: readonly ArrivedEvent[]) => unknown)(wanted);
      } catch (error) {
        failed(error);
      }
    }
  }

  #deliverMessage(message: DeviceMessage): void {
    for (const { contribution, scope = '', failed } of this.#readers('device-messages')) {
      if (!scopeCovers(scope, message.type) || !('take' in contribution)) continue;
      const take = contribution.take as (message: DeviceMessage) => unknown;
      Promise.resolve()
        .then(() => take(message))
        .catch(failed);
    }
  }
}
