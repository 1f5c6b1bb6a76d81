import { expect } from 'vitest';
import type { TestUser } from '../../src/testing/create-test-server.ts';

export const UNSTABLE = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';
export const STABLE = '/_matrix/client/v4/sync';

// Tests look into answers freely; what does not fit fails them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Answer = any;

/** One connection of sliding sync in the unstable dialect, which goes on from its last answer. */
export class SlidingClient {
  readonly user: TestUser;
  readonly connId: string | undefined;
  pos: string | undefined;

  constructor(user: TestUser, connId?: string) {
    this.user = user;
    this.connId = connId;
  }

  /** Asks from `pos`, or from the last answer's; the answer's becomes the next one. */
  async ask(body: object, { timeout = 0, pos = this.pos } = {}): Promise<Answer> {
    const query = new URLSearchParams({ timeout: String(timeout), ...(pos === undefined ? {} : { pos }) });
    const conn = this.connId === undefined ? {} : { conn_id: this.connId };
    const answer = await this.user.request('POST', `${UNSTABLE}?${query.toString()}`, {
      body: { ...conn, ...body },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    this.pos = answer.body.pos;
    return answer.body;
  }
}

/** A request with one list. */
export const list = (
  ranges: [number, number][] = [[0, 99]],
  more: { limit?: number; state?: [string, string][]; filters?: object; extensions?: object } = {},
) => ({
  lists: {
    all: {
      ranges,
      timeline_limit: more.limit ?? 10,
      required_state: more.state ?? [],
      ...(more.filters === undefined ? {} : { filters: more.filters }),
    },
  },
  ...(more.extensions === undefined ? {} : { extensions: more.extensions }),
});
