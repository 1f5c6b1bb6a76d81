import type { Manifest } from '../manifest.ts';
import { RpcError } from '../rpc/messages.ts';
import { clientApis, fillText, trustedApis, type ClientServices } from './context.ts';
import type { ClientContributions, TrustedContributions } from './contributions.ts';
import type {
  ClientContext,
  ClientNotice,
  ClientNotices,
  SandboxedContext,
  SandboxedPlugin,
  Texts,
  TrustedContext,
  TrustedPlugin,
  UiKit,
} from './plugin.ts';
import type { ClientCall, ClientCallParams } from './protocol.ts';
import type { SealedCall, SealedCallParams } from './sealed-calls.ts';
import { REGISTERED_POINTS, TRUSTED_POINTS, type RegisteredPoint } from './points.ts';

type AnyContribution = TrustedContributions[RegisteredPoint];
type Listener = (input: never) => unknown;

/** A contribution as it was registered. */
export type Registered = {
  readonly point: RegisteredPoint;
  readonly id: string;
  readonly title: string;
  /** From the manifest. */
  readonly scope?: string;
  readonly contribution: AnyContribution;
};

export type ClientRuntimeOptions = {
  readonly manifest: Manifest;
  readonly services: ClientServices;
  /** What a handler of a notice threw, and ends that threw. */
  readonly onError: (error: unknown) => void;
};

const registeredPoint = (point: string): RegisteredPoint | undefined =>
  REGISTERED_POINTS.find((known) => known === point);

/** A client plugin at work: what it registered, what it hears, and how it ends. */
export class ClientRuntime {
  readonly #listeners = new Map<ClientNotice, Set<Listener>>();
  readonly #ends: (() => void | Promise<void>)[] = [];
  readonly #abort = new AbortController();
  readonly #options: ClientRuntimeOptions;
  readonly #registered = new Map<string, Registered>();
  #texts: Texts = {};
  #isOpen = true;

  private constructor(options: ClientRuntimeOptions) {
    this.#options = options;
  }

  /**
   * Sets a sandboxed plugin up. Throws `RpcError` with code `mismatch` when what it registers is not what its manifest
   * contributes, and whatever `setup` throws; then everything it had begun is ended.
   */
  static async startSandboxed(
    plugin: SandboxedPlugin,
    options: ClientRuntimeOptions,
  ): Promise<ClientRuntime> {
    const runtime = new ClientRuntime(options);
    const context: SandboxedContext = runtime.#complete({
      ...runtime.#base(),
      contribute: <P extends keyof ClientContributions>(
        point: P,
        id: string,
        contribution: ClientContributions[P],
      ) => runtime.#register(point, id, contribution),
    });
    await runtime.#setUp(() => plugin.setup(context));
    return runtime;
  }

  /** Sets a trusted plugin up; throws as `startSandboxed` does. */
  static async startTrusted(
    plugin: TrustedPlugin,
    kit: UiKit,
    options: ClientRuntimeOptions,
  ): Promise<ClientRuntime> {
    const runtime = new ClientRuntime(options);
    const context: TrustedContext = runtime.#complete({
      ...runtime.#base(),
      ...trustedApis(runtime.#call.bind(runtime), kit, (call, params) => runtime.#sealed(call, params)),
      contribute: <P extends keyof TrustedContributions>(
        point: P,
        id: string,
        contribution: TrustedContributions[P],
      ) => runtime.#register(point, id, contribution),
    });
    await runtime.#setUp(() => plugin.setup(context));
    return runtime;
  }

  get contributions(): readonly Registered[] {
    return [...this.#registered.values()];
  }

  /** Tells the plugin of something. What its handlers throw goes to `onError`. */
  async notify<N extends ClientNotice>(notice: N, input: ClientNotices[N]): Promise<void> {
    const listeners = [...(this.#listeners.get(notice) ?? [])] as ((input: ClientNotices[N]) => unknown)[];
    await Promise.all(
      listeners.map(async (take) => {
        try {
          await take(input);
        } catch (error) {
          this.#options.onError(error);
        }
      }),
    );
  }

  /** Ends the plugin: its signal, its timers, then what it registered with `onDispose`, last first. */
  async dispose(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new RpcError('stopped', 'the plugin was stopped'));
    this.#listeners.clear();
    this.#registered.clear();
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }

  async #setUp(setup: () => void | Promise<void>): Promise<void> {
    try {
      await setup();
      this.#isOpen = false;
      const missing = this.#options.manifest.contributes.client
        .filter(({ point }) => registeredPoint(point) !== undefined)
        .filter(({ point, id }) => !this.#registered.has(`${point} ${id}`));
      if (missing.length > 0)
        throw new RpcError(
          'mismatch',
          `setup did not register ${missing.map(({ point, id }) => `${point} ${id}`).join(', ')}`,
        );
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }

  #register(point: RegisteredPoint, id: string, contribution: AnyContribution): void {
    const { manifest } = this.#options;
    const name = `${point} ${id}`;
    if (!this.#isOpen) throw new RpcError('mismatch', `${name} was registered after setup had ended`);
    const declared = manifest.contributes.client.find((one) => one.point === point && one.id === id);
    if (declared === undefined) throw new RpcError('mismatch', `plugin.json does not contribute ${name}`);
    if (this.#registered.has(name)) throw new RpcError('mismatch', `${name} was registered twice`);
    if (manifest.tier !== 'trusted' && (TRUSTED_POINTS.has(point) || 'component' in contribution))
      throw new RpcError('forbidden', `${name} is for trusted plugins`);
    const { title, scope } = declared;
    this.#registered.set(name, { point, id, title, ...(scope === undefined ? {} : { scope }), contribution });
  }

  #after(milliseconds: number, run: () => void): () => void {
    const cancel = this.#options.services.after(milliseconds, () => {
      this.#abort.signal.removeEventListener('abort', cancel);
      if (this.#abort.signal.aborted) return;
      try {
        run();
      } catch (error) {
        this.#options.onError(error);
      }
    });
    this.#abort.signal.addEventListener('abort', cancel, { once: true });
    return () => {
      this.#abort.signal.removeEventListener('abort', cancel);
      cancel();
    };
  }

  /** Adds what is read anew at each use. */
  #complete<T extends object>(context: T): T & { readonly locale: string } {
    const { services } = this.#options;
    const locale = { get: (): string => services.locale(), enumerable: true };
    return Object.freeze(Object.defineProperty(context, 'locale', locale)) as T & { readonly locale: string };
  }

  #call<C extends ClientCall>(call: C, params: ClientCallParams[C]): Promise<unknown> {
    if (this.#abort.signal.aborted) return Promise.reject(new RpcError('stopped', 'the plugin was stopped'));
    return this.#options.services.call(call, params);
  }

  #sealed<C extends SealedCall>(call: C, params: SealedCallParams[C]): Promise<unknown> {
    if (this.#abort.signal.aborted) return Promise.reject(new RpcError('stopped', 'the plugin was stopped'));
    const { sealed } = this.#options.services;
    if (sealed === undefined)
      return Promise.reject(new RpcError('unknown_method', 'this client has no sealed profiles'));
    return sealed(call, params);
  }

  #base(): Omit<ClientContext, 'locale'> {
    const { manifest, services } = this.#options;
    return {
      ...clientApis(manifest, { settings: () => services.settings(), call: this.#call.bind(this) }),
      id: manifest.id,
      self: services.self,
      signal: this.#abort.signal,
      now: () => services.now(),
      newId: () => services.newId(),
      after: (milliseconds, run) => this.#after(milliseconds, run),
      texts: (texts) => {
        this.#texts = texts;
      },
      t: (key, values) => fillText(this.#texts, services.locale(), key, values),
      on: (notice, take) => {
        const listeners = this.#listeners.get(notice) ?? new Set();
        this.#listeners.set(notice, listeners.add(take));
        return () => void listeners.delete(take);
      },
      onDispose: (end) => void this.#ends.push(end),
    };
  }
}
