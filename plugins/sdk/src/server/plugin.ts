import type {
  CheckHook,
  CheckInputs,
  ModifyInputs,
  NoticeHook,
  NoticeInputs,
  UnsignedAdditions,
  Verdict,
} from './hooks.ts';

/** A request to a route of the plugin. The host has authenticated it and bounded its body. */
export type PluginRequest = {
  readonly method: string;
  /** The route's path as the manifest writes it, e.g. `/reports/{id}`. */
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined without a body. */
  readonly body?: unknown;
  /** Who asks, where the route requires an access token. */
  readonly userId?: string;
};

export type PluginResponse = {
  /** 200 when not given. */
  readonly status?: number;
  /** Sent as JSON. */
  readonly body?: unknown;
};

/** Bounded storage of the plugin's own, shared by all processes of the server. Values are JSON. */
export interface ServerStorage {
  /** Null when there is none. */
  get(key: string): Promise<unknown>;
  /** Throws an error with code `quota` when the plugin's space is used up, `invalid` for what is too large. */
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys that begin with `prefix`, in order, those after `after`; at most 100. */
  list(prefix: string, after?: string): Promise<readonly string[]>;
}

/** The server's log. Lines are marked with the plugin's id. */
export interface PluginLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What a server plugin is given. What it registers must be what its manifest contributes. */
export interface ServerContext {
  /** `config` of the plugin in the server's configuration, not yet checked by anybody. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly serverName: string;
  readonly storage: ServerStorage;
  readonly log: PluginLog;
  /** Milliseconds since the epoch. Use it instead of `Date.now()`, and tests can set the time. */
  now(): number;
  /** Asked before something is done. Answer within the host's limit, or the host decides without you. */
  check<H extends CheckHook>(hook: H, decide: (input: CheckInputs[H]) => Verdict | Promise<Verdict>): void;
  /** Adds to the `unsigned` data of events on their way to clients, under the plugin's id. */
  modify(
    hook: 'modifyUnsigned',
    add: (input: ModifyInputs['modifyUnsigned']) => UnsignedAdditions | Promise<UnsignedAdditions>,
  ): void;
  /** Told after something was done; told again when this throws. */
  on<H extends NoticeHook>(hook: H, take: (input: NoticeInputs[H]) => void | Promise<void>): void;
  /** Answers requests to `/_plugins/<id><path>`; `path` as the manifest writes it. */
  route(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    answer: (request: PluginRequest) => PluginResponse | Promise<PluginResponse>,
  ): void;
  /** Run by the scheduler, by one process of the server at a time, as often as the manifest says. */
  schedule(name: string, run: () => void | Promise<void>): void;
}

/** A server plugin: the file named by `entry.server` exports one as `plugin`. */
export interface ServerPlugin {
  /** Registers what the plugin does. Called once per process; a throw makes the plugin fail. */
  setup(context: ServerContext): void | Promise<void>;
}

/** Gives a plugin its type. */
export const defineServerPlugin = (plugin: ServerPlugin): ServerPlugin => plugin;
