import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { OutgoingRequest } from '../crypto/engine/protocol/sync.ts';
import { call } from '../matrix/api/http.ts';
import type { Api } from '../matrix/api/http.ts';
import { isTransient } from '../matrix/api/result.ts';
import type { ApiError } from '../matrix/api/result.ts';
import { authChallenge } from '../matrix/api/session.ts';
import type { AuthChallenge, AuthStep } from '../matrix/api/session.ts';
import { recordOf } from '../matrix/events.ts';
import * as z from 'zod/mini';

export type EngineRequestPorts = {
  api: Api;
  engine: EngineClient;
  /** Proves that the person is there (password). Undefined: they would not, or could not. */
  authenticate: (challenge: AuthChallenge) => Promise<AuthStep | undefined>;
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
  report: (error: unknown) => void;
};

const tries = 4;
const anyAnswer = z.unknown();

/**
 * Performs what the crypto engine asks of the homeserver. Each request runs once at a time, whatever the engine
 * repeats; a plain key claim is never tried again, because every try burns a key (e2ee.md section 1).
 */
export class EngineRequests {
  readonly #ports: EngineRequestPorts;
  readonly #running = new Set<string>();
  /** The engine asked again for one that was running: what is still open afterwards is asked for. */
  #missed = false;
  readonly #abort = new AbortController();

  constructor(ports: EngineRequestPorts) {
    this.#ports = ports;
  }

  /** Starts the requests that are not running yet. */
  perform(requests: readonly OutgoingRequest[]): void {
    for (const request of requests) {
      if (this.#abort.signal.aborted) return;
      if (this.#running.has(request.id)) {
        this.#missed = true;
        continue;
      }
      this.#running.add(request.id);
      this.#run(request)
        .catch(this.#ports.report)
        .finally(() => {
          this.#running.delete(request.id);
          if (this.#missed) void this.#catchUp();
        });
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  async #catchUp(): Promise<void> {
    this.#missed = false;
    try {
      this.perform((await this.#ports.engine.call('pendingRequests', {})).requests);
    } catch (error) {
      this.#ports.report(error);
    }
  }

  async #run(request: OutgoingRequest): Promise<void> {
    const { engine } = this.#ports;
    let body = request.body;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await call(this.#ports.api, anyAnswer, request.method, request.path, {
        signal: this.#abort.signal,
        timeoutMs: 60_000,
        ...(body === undefined ? {} : { body }),
      });
      if (this.#abort.signal.aborted) return;
      if (answer.ok) {
        await engine.call('requestDone', { id: request.id, response: answer.value });
        return;
      }
      const { error } = answer;
      const challenge =
        request.auth === 'interactive' && error.status === 401 ? authChallenge(error.body) : undefined;
      if (challenge !== undefined && attempt < tries) {
        const auth = await this.#ports.authenticate(challenge);
        if (auth !== undefined) {
          body = { ...recordOf(request.body), auth };
          continue;
        }
      }
      if (request.kind !== 'keysClaim' && isTransient(error) && attempt < tries) {
        await this.#ports.pause(error.retryAfterMs ?? 500 * 2 ** attempt, this.#abort.signal);
        continue;
      }
      await this.#fail(request, error);
      return;
    }
  }

  async #fail(request: OutgoingRequest, error: ApiError): Promise<void> {
    await this.#ports.engine.call('requestFailed', {
      id: request.id,
      status: error.status,
      ...(error.code === '' ? {} : { errcode: error.code }),
      body: error.body,
    });
  }
}
