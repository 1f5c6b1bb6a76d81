/**
 * One engine per origin, however many tabs are open (e2ee.md section 0.7). Every tab's worker asks for the same lock;
 * the one that has it runs the engine, the others speak through it. When it goes, the lock and the engine pass on, and
 * calls that were not answered are made again there: encryption is keyed by transaction id, so nothing is done twice.
 */
import * as z from 'zod/mini';
import { EngineError } from './engine-error.ts';
import {
  toWorkerSchema,
  type EngineArgs,
  type EngineClient,
  type EngineOp,
  type EngineResults,
} from './protocol.ts';
import type { EngineErrorCode } from './protocol/errors.ts';
import type { EngineNotice } from './protocol/notices.ts';
import type { EngineStatus } from './protocol/vault.ts';
import { failureOf } from './serve-engine.ts';

/** What connects the tabs: BroadcastChannel in browsers. */
export interface TabChannel {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  close(): void;
}

export type TabPorts = {
  /** Random name of this tab. */
  readonly tab: string;
  readonly channel: TabChannel;
  /** Calls back when this tab has the lock, and keeps it until `release`. */
  readonly lead: (onLeader: () => void) => { readonly release: () => void };
  readonly makeEngine: () => EngineClient;
};

type Call = {
  readonly op: EngineOp;
  readonly args: unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
};

const callMessage = z.object({ from: z.string(), call: toWorkerSchema });
const answerMessage = z.object({
  to: z.string(),
  id: z.number(),
  ok: z.boolean(),
  // Comes from our own origin's engine.
  result: z.optional(z.unknown()),
  error: z.optional(z.object({ code: z.string(), message: z.string() })),
});
const noticeMessage = z.object({ notice: z.looseObject({ kind: z.string() }) });
const leaderMessage = z.object({ leader: z.string() });

export class TabEngine implements EngineClient {
  readonly #ports: TabPorts;
  readonly #waiting = new Map<number, Call>();
  readonly #listeners = new Set<(notice: EngineNotice) => void>();
  readonly #lock: { readonly release: () => void };
  #engine: EngineClient | undefined;
  #nextId = 1;

  constructor(ports: TabPorts) {
    this.#ports = ports;
    ports.channel.onMessage((message) => this.#receive(message));
    this.#lock = ports.lead(() => this.#becomeLeader());
  }

  get leads(): boolean {
    return this.#engine !== undefined;
  }

  onNotice(listener: (notice: EngineNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  call<Op extends EngineOp>(op: Op, args: EngineArgs<Op>): Promise<EngineResults[Op]> {
    if (this.#engine !== undefined) return this.#engine.call(op, args);
    return new Promise<EngineResults[Op]>((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { op, args, resolve: resolve, reject });
      this.#ports.channel.post({ from: this.#ports.tab, call: { id, op, args } });
    });
  }

  async close(): Promise<void> {
    for (const { reject } of this.#waiting.values()) reject(new EngineError('INTERNAL', 'closed'));
    this.#waiting.clear();
    await this.#engine?.close();
    this.#lock.release();
    this.#ports.channel.close();
  }

  #becomeLeader(): void {
    const engine = this.#ports.makeEngine();
    this.#engine = engine;
    engine.onNotice((notice) => {
      this.#tell(notice);
      // One tab performs the requests: this one.
      if (notice.kind !== 'requests') this.#ports.channel.post({ notice });
    });
    // Followers ask again what the last leader did not answer.
    this.#ports.channel.post({ leader: this.#ports.tab });
    for (const [id, { op, args, resolve, reject }] of this.#waiting) {
      this.#waiting.delete(id);
      engine.call(op, args as EngineArgs<EngineOp>).then(resolve as (result: unknown) => void, reject);
    }
    void engine.call('status', {}).then((status) => this.#tell({ kind: 'status', status }));
  }

  #receive(message: unknown): void {
    if (this.#engine !== undefined) {
      this.#serve(this.#engine, message);
      return;
    }
    const answer = answerMessage.safeParse(message);
    if (answer.success) {
      this.#settle(answer.data);
      return;
    }
    if (leaderMessage.safeParse(message).success) {
      this.#askAgain();
      return;
    }
    const notice = noticeMessage.safeParse(message);
    if (!notice.success) return;
    const told = notice.data.notice as unknown as EngineNotice;
    this.#tell(told.kind === 'status' ? { ...told, status: follower(told.status) } : told);
  }

  #settle({ to, id, ok, result, error }: z.infer<typeof answerMessage>): void {
    const call = this.#waiting.get(id);
    if (to !== this.#ports.tab || call === undefined) return;
    this.#waiting.delete(id);
    if (ok) call.resolve(asFollower(call.op, result) as never);
    // Our own leader made the code.
    else call.reject(new EngineError((error?.code ?? 'INTERNAL') as EngineErrorCode, error?.message));
  }

  #askAgain(): void {
    for (const [id, { op, args }] of this.#waiting)
      this.#ports.channel.post({ from: this.#ports.tab, call: { id, op, args } });
  }

  #serve(engine: EngineClient, message: unknown): void {
    const parsed = callMessage.safeParse(message);
    if (!parsed.success) return;
    const { from: to, call } = parsed.data;
    const { id } = call;
    engine.call(call.op, call.args as EngineArgs<EngineOp>).then(
      (result) => this.#ports.channel.post({ to, id, ok: true, result }),
      (error: unknown) => this.#ports.channel.post({ to, id, ok: false, error: failureOf(error) }),
    );
  }

  #tell(notice: EngineNotice): void {
    for (const listener of [...this.#listeners]) listener(notice);
  }
}

const follower = (status: EngineStatus): EngineStatus => ({ ...status, leader: false });

/** A leader's answer as a follower passes it on. */
function asFollower(op: EngineOp, result: unknown): unknown {
  if (op === 'status') return follower(result as EngineStatus);
  if (op === 'pendingRequests') return { requests: [] };
  if (op !== 'unlock' && op !== 'unlockWithWords') return result;
  const { status } = result as EngineResults['unlock'];
  return { status: follower(status) };
}
