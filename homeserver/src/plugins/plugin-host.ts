import {
  verdictSchema,
  type CheckHook,
  type CheckInputs,
  type NoticeHook,
  type Verdict,
} from '@nyx/plugin-sdk/server/hooks.ts';
import type { PluginRequest } from '@nyx/plugin-sdk/server/plugin.ts';
import { responseSchema } from '@nyx/plugin-sdk/server/protocol.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import { DomainError } from '../domain/errors.ts';
import type { PluginHooks } from '../ports/plugin-hooks.ts';
import type { CheckRule, LoadedPlugin } from './load-plugins.ts';
import type { PluginProcess } from './plugin-process.ts';

export type RunningPlugin = { readonly loaded: LoadedPlugin; readonly process: PluginProcess };

/** Counts calls of plugins by how they ended. */
export type CallMeter = (labels: Readonly<Record<'plugin' | 'call' | 'outcome', string>>) => void;

type Checker = { readonly plugin: RunningPlugin; readonly rule: CheckRule };

const NOTICE_TIMEOUT_MS = 10_000;
const TICK_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Requests to one plugin's routes under way, so that they never take the place of its checks. */
const MAX_REQUESTS = 16;
const RETRY_MS = 5_000;

const outcomeOf = (error: unknown): string =>
  (error instanceof RpcError ? OUTCOMES.get(error.code) : undefined) ?? 'failed';

/** Codes that are the host's own; a label must not be a plugin's choice. */
const OUTCOMES: ReadonlyMap<string, string> = new Map(
  ['timeout', 'busy', 'down', 'closed'].map((code) => [code, code]),
);

/** The plugins of this process: asks them, tells them, and hands them requests. */
export class PluginHost implements PluginHooks {
  readonly plugins: readonly RunningPlugin[];
  readonly #checkers = new Map<CheckHook, Checker[]>();
  readonly #requests = new Map<RunningPlugin, number>();
  readonly #meter: CallMeter;

  constructor(plugins: readonly RunningPlugin[], meter: CallMeter) {
    this.plugins = plugins;
    this.#meter = meter;
    for (const plugin of plugins)
      for (const [hook, rule] of plugin.loaded.checks) {
        const checkers = this.#checkers.get(hook) ?? [];
        checkers.push({ plugin, rule });
        this.#checkers.set(hook, checkers);
      }
  }

  check<H extends CheckHook>(hook: H, input: () => CheckInputs[H]): Promise<void> | undefined {
    const checkers = this.#checkers.get(hook);
    return checkers === undefined ? undefined : this.#ask(checkers, hook, input());
  }

  /** Tells one plugin what happened. Throws when it failed to take it. */
  async notice(plugin: RunningPlugin, hook: NoticeHook, input: unknown): Promise<void> {
    await this.#call(plugin, 'notice', { hook, input }, NOTICE_TIMEOUT_MS);
  }

  /** Runs a schedule of a plugin. Throws when it failed. */
  async tick(plugin: RunningPlugin, name: string): Promise<void> {
    await this.#call(plugin, 'tick', { name }, TICK_TIMEOUT_MS);
  }

  /** Hands a request to a plugin's route. Throws `unavailable`, `gateway_timeout`, `bad_gateway`. */
  async request(plugin: RunningPlugin, request: PluginRequest): Promise<{ status: number; body?: unknown }> {
    const underWay = this.#requests.get(plugin) ?? 0;
    if (underWay >= MAX_REQUESTS)
      throw new DomainError('unavailable', 'The plugin is busy', { retryAfterMs: RETRY_MS });
    this.#requests.set(plugin, underWay + 1);
    try {
      return responseSchema.parse(await this.#call(plugin, 'request', request, REQUEST_TIMEOUT_MS));
    } catch (error) {
      throw requestFailure(error);
    } finally {
      this.#requests.set(plugin, (this.#requests.get(plugin) ?? 1) - 1);
    }
  }

  async #ask(checkers: readonly Checker[], hook: CheckHook, input: unknown): Promise<void> {
    for (const { plugin, rule } of checkers) {
      const verdict = await this.#verdict(plugin, rule, hook, input);
      if (verdict.allow) continue;
      throw new DomainError('forbidden', verdict.reason, { fields: { errcode: verdict.errcode } });
    }
  }

  async #verdict(plugin: RunningPlugin, rule: CheckRule, hook: CheckHook, input: unknown): Promise<Verdict> {
    try {
      return verdictSchema.parse(await this.#call(plugin, 'check', { hook, input }, rule.timeoutMs));
    } catch (error) {
      if (rule.onFailure === 'open') return { allow: true };
      throw new DomainError('unavailable', 'A check of this server does not answer, try again later', {
        retryAfterMs: RETRY_MS,
        cause: error,
      });
    }
  }

  async #call({ loaded, process }: RunningPlugin, call: string, params: unknown, timeoutMs: number) {
    const plugin = loaded.manifest.id;
    try {
      const answer = await process.call(call, params, timeoutMs);
      this.#meter({ plugin, call, outcome: 'ok' });
      return answer;
    } catch (error) {
      this.#meter({ plugin, call, outcome: outcomeOf(error) });
      throw error;
    }
  }
}

const requestFailure = (cause: unknown): DomainError => {
  const outcome = outcomeOf(cause);
  if (outcome === 'timeout')
    return new DomainError('gateway_timeout', 'The plugin does not answer', { cause });
  if (outcome === 'failed') return new DomainError('bad_gateway', 'The plugin failed', { cause });
  return new DomainError('unavailable', 'The plugin is not running', { cause, retryAfterMs: RETRY_MS });
};
