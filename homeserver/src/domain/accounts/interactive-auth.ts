import { z } from 'zod';
import type { AuthSession, AuthSessionStore } from '../../ports/accounts.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { DomainError } from '../errors.ts';
import { randomToken } from '../ids.ts';

/** `auth` of a request's body (spec: Client-Server API, User-Interactive Authentication API). */
export const authDataSchema = z
  .looseObject({ type: z.string().optional(), session: z.string().optional() })
  .optional();

export type AuthData = z.output<typeof authDataSchema>;

/** Checks one stage; throws a `DomainError` when what the client sent does not satisfy it. */
export type StageCheck = (auth: Readonly<Record<string, unknown>>) => Promise<void>;

export type AuthRequest = {
  /** The operation and who asks; a session begun for one cannot be used for another. */
  readonly purpose: string;
  /** Ways to authenticate; in each, all stages must be completed. */
  readonly flows: readonly (readonly string[])[];
  readonly stages: Readonly<Record<string, StageCheck>>;
  readonly auth: AuthData;
};

const SESSION_LENGTH = 24;

/** Runs the stages of interactive authentication. */
export class InteractiveAuth {
  readonly #sessions: AuthSessionStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lifetimeMs: number;

  constructor(sessions: AuthSessionStore, clock: Clock, random: Random, lifetimeMs: number) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#random = random;
    this.#lifetimeMs = lifetimeMs;
  }

  /**
   * Returns when a flow has been completed; else throws the 401 that tells the client what is left to do. A flow of
   * one stage may be completed in a single request without a session.
   */
  async demand(request: AuthRequest): Promise<void> {
    const { auth } = request;
    const session = await this.#sessionFor(request);
    if (auth?.type === undefined) {
      if (this.#isComplete(request, session?.completed ?? [])) {
        await this.#consume(session);
        return;
      }
      throw this.#challenge(request, session ?? (await this.#begin(request)));
    }
    const check = request.flows.some((flow) => flow.includes(auth.type ?? ''))
      ? request.stages[auth.type]
      : undefined;
    if (check === undefined) {
      const open = session ?? (await this.#begin(request));
      throw this.#challenge(
        request,
        open,
        new DomainError('invalid_param', `Unknown stage ${auth.type.slice(0, 100)}`),
      );
    }
    try {
      await check(auth);
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'limit_exceeded') throw error;
      throw this.#challenge(request, session ?? (await this.#begin(request)), error);
    }
    const completed = [...(session?.completed ?? []), auth.type];
    if (this.#isComplete(request, completed)) {
      await this.#consume(session);
      return;
    }
    const open = session ?? (await this.#begin(request));
    await this.#sessions.complete(open.id, auth.type);
    throw this.#challenge(request, { ...open, completed });
  }

  async #sessionFor({ auth, purpose }: AuthRequest): Promise<AuthSession | undefined> {
    if (auth?.session === undefined) return undefined;
    const session = await this.#sessions.find(auth.session);
    if (session?.purpose !== purpose)
      throw new DomainError('unknown_client_error', 'Unknown authentication session');
    return session;
  }

  async #begin({ purpose }: AuthRequest): Promise<AuthSession> {
    const session = { id: randomToken(this.#random, SESSION_LENGTH), purpose, completed: [] };
    await this.#sessions.create(session, this.#clock.now() + this.#lifetimeMs);
    return session;
  }

  async #consume(session: AuthSession | undefined): Promise<void> {
    if (session === undefined || (await this.#sessions.consume(session.id))) return;
    throw new DomainError('unknown_client_error', 'This authentication session was used before');
  }

  #isComplete({ flows }: AuthRequest, completed: readonly string[]): boolean {
    return flows.some((flow) => flow.every((stage) => completed.includes(stage)));
  }

  #challenge({ flows }: AuthRequest, session: AuthSession, error?: DomainError): DomainError {
    return new DomainError('interactive_auth', 'Authentication is needed', {
      fields: {
        flows: flows.map((stages) => ({ stages })),
        params: {},
        session: session.id,
        completed: session.completed,
        ...(error === undefined
          ? {}
          : { errcode: ERRCODES[error.code] ?? 'M_FORBIDDEN', error: error.message }),
      },
    });
  }
}

/** The few errors of a stage that clients tell apart. */
const ERRCODES: Partial<Record<string, string>> = {
  invalid_param: 'M_UNRECOGNIZED',
  missing_param: 'M_MISSING_PARAM',
};
