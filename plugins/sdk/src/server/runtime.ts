import type { Manifest } from '../manifest.ts';
import { RpcError } from '../rpc/messages.ts';
import type { PluginLog, ServerContext, ServerPlugin, ServerStorage } from './plugin.ts';
import { HOST_CALLS } from './protocol.ts';

/** What a running plugin stands on; given by the process that runs it, or by a test. */
export type RuntimeServices = {
  readonly config: Readonly<Record<string, unknown>>;
  readonly serverName: string;
  readonly storage: ServerStorage;
  readonly log: PluginLog;
  readonly now: () => number;
};

type Handler = (input: never) => unknown;

/** What a plugin registered, by the names under which the host calls it. */
export class ServerRuntime {
  readonly #handlers: ReadonlyMap<string, Handler>;

  private constructor(handlers: ReadonlyMap<string, Handler>) {
    this.#handlers = handlers;
  }

  /**
   * Sets a plugin up. Throws `RpcError` with code `mismatch` when what it registers is not what its manifest
   * contributes, and whatever `setup` throws.
   */
  static async start(
    plugin: ServerPlugin,
    manifest: Manifest,
    services: RuntimeServices,
  ): Promise<ServerRuntime> {
    const handlers = new Map<string, Handler>();
    const wanted = new Set(contributionsOf(manifest));
    let isOpen = true;
    const register = (name: string, handler: Handler): void => {
      if (!isOpen) throw new RpcError('mismatch', `${name} was registered after setup had ended`);
      if (!wanted.has(name)) throw new RpcError('mismatch', `plugin.json does not contribute ${name}`);
      if (handlers.has(name)) throw new RpcError('mismatch', `${name} was registered twice`);
      handlers.set(name, handler);
    };
    const context: ServerContext = {
      ...services,
      check: (hook, decide) => register(`check ${hook}`, decide),
      modify: (hook, add) => register(`modify ${hook}`, add),
      on: (hook, take) => register(`notice ${hook}`, take),
      route: (method, path, answer) => register(`request ${method} ${path}`, answer),
      schedule: (name, run) => register(`tick ${name}`, run),
    };
    await plugin.setup(context);
    isOpen = false;
    const missing = [...wanted].filter((name) => !handlers.has(name));
    if (missing.length > 0) throw new RpcError('mismatch', `setup did not register ${missing.join(', ')}`);
    return new ServerRuntime(handlers);
  }

  /** Answers a call of the host. Throws `RpcError` with code `unknown_method` for what nobody registered. */
  async call(method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'check': {
        const { hook, input } = HOST_CALLS.check.parse(params);
        return this.#handler(`check ${hook}`)(input);
      }
      case 'modify': {
        const { hook, input } = HOST_CALLS.modify.parse(params);
        return this.#handler(`modify ${hook}`)(input);
      }
      case 'notice': {
        const { hook, input } = HOST_CALLS.notice.parse(params);
        await this.#handler(`notice ${hook}`)(input);
        return null;
      }
      case 'request': {
        const request = HOST_CALLS.request.parse(params);
        return this.#handler(`request ${request.method} ${request.route}`)(request);
      }
      case 'tick': {
        await this.#handler(`tick ${HOST_CALLS.tick.parse(params).name}`)(undefined);
        return null;
      }
      case 'ping':
        return null;
      default:
        throw new RpcError('unknown_method', `no method ${method}`);
    }
  }

  #handler(name: string): (input: unknown) => unknown {
    const handler = this.#handlers.get(name);
    if (handler === undefined) throw new RpcError('unknown_method', `nothing is registered for ${name}`);
    // The host sends each handler what its hook is declared to take.
    return handler as (input: unknown) => unknown;
  }
}

const contributionsOf = ({ contributes: { server } }: Manifest): readonly string[] => [
  ...Object.keys(server.checks).map((hook) => `check ${hook}`),
  ...server.modifies.map((hook) => `modify ${hook}`),
  ...server.notices.map((hook) => `notice ${hook}`),
  ...server.routes.map(({ method, path }) => `request ${method} ${path}`),
  ...server.schedules.map(({ name }) => `tick ${name}`),
];
