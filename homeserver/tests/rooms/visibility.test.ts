import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;

let server: TestServer;
let alice: TestUser;

beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
}, 120_000);
afterAll(() => server.close());

type Event = { readonly type: string; readonly content: { readonly body?: string } };

/** A message is sent in each of these phases of the viewer's life with the room. */
const PHASES = ['before', 'invited', 'joined', 'left', 'back'] as const;
type Phase = (typeof PHASES)[number];

/** Which messages each viewer may see at the end of what happened to them. */
const TABLE: readonly {
  readonly visibility: string;
  readonly until: Phase;
  readonly sees: readonly Phase[] | 'refused';
}[] = [
  { visibility: 'world_readable', until: 'before', sees: ['before', 'invited', 'joined', 'left', 'back'] },
  { visibility: 'shared', until: 'before', sees: 'refused' },
  { visibility: 'shared', until: 'invited', sees: 'refused' },
  { visibility: 'shared', until: 'joined', sees: ['before', 'invited', 'joined', 'left', 'back'] },
  { visibility: 'shared', until: 'left', sees: ['before', 'invited', 'joined'] },
  { visibility: 'shared', until: 'back', sees: ['before', 'invited', 'joined', 'left', 'back'] },
  { visibility: 'invited', until: 'joined', sees: ['invited', 'joined', 'left', 'back'] },
  { visibility: 'invited', until: 'left', sees: ['invited', 'joined'] },
  { visibility: 'invited', until: 'back', sees: ['invited', 'joined', 'back'] },
  { visibility: 'joined', until: 'joined', sees: ['joined', 'left', 'back'] },
  { visibility: 'joined', until: 'left', sees: ['joined'] },
  { visibility: 'joined', until: 'back', sees: ['joined', 'back'] },
];

it.each(TABLE)('$visibility, gone as far as $until: $sees', async ({ visibility, until, sees }) => {
  const viewer = await server.register(`v${Math.random().toString(36).slice(2)}`);
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    initial_state: [{ type: 'm.room.history_visibility', content: { history_visibility: visibility } }],
  });
  const path = `${v3}/rooms/${enc(room)}`;
  const enter: Record<Phase, () => Promise<unknown>> = {
    before: () => Promise.resolve(),
    invited: () => alice.ok('POST', `${path}/invite`, { user_id: viewer.userId }),
    joined: () => viewer.ok('POST', `${path}/join`, {}),
    left: () => viewer.ok('POST', `${path}/leave`, {}),
    back: async () => {
      await alice.ok('POST', `${path}/invite`, { user_id: viewer.userId });
      await viewer.ok('POST', `${path}/join`, {});
    },
  };
  for (const phase of PHASES) {
    if (PHASES.indexOf(phase) <= PHASES.indexOf(until)) await enter[phase]();
    const message = { msgtype: 'm.text', body: phase };
    await alice.ok('PUT', `${path}/send/m.room.message/${phase}`, message);
  }
  const answer = await viewer.request('GET', `${path}/messages?dir=b&limit=100`);
  if (sees === 'refused') {
    expect(answer.status).toBe(403);
    return;
  }
  const bodies = answer.body.chunk
    .filter(({ type }: Event) => type === 'm.room.message')
    .map(({ content }: Event) => content.body);
  expect(bodies.toReversed()).toEqual(sees);
});
