import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { syncSchema } from '../api/sync.ts';
import { openDatabase } from '../store/db.ts';
import { applySync } from './apply.ts';
import type { SyncChanges } from './apply.ts';

const me = '@me:x';
let databases = 0;
let events = 0;

type Json = Record<string, unknown>;
const event = (type: string, content: unknown, more: Json = {}): Json => ({
  event_id: `$${++events}`,
  type,
  sender: '@a:x',
  origin_server_ts: 1_000 + events,
  content,
  ...more,
});
const said = (body: string, more: Json = {}): Json =>
  event('m.room.message', { msgtype: 'm.text', body }, more);
const state = (type: string, content: unknown, key = ''): Json => event(type, content, { state_key: key });

const store = async () => {
  const db = await openDatabase(`apply-${++databases}`);
  let token = 0;
  const take = (rooms: Json, more: Json = {}): Promise<SyncChanges> =>
    applySync(
      { db, userId: me, now: () => 5_000 },
      syncSchema.parse({ next_batch: `s${++token}`, rooms, ...more }),
    );
  const stored = async (roomId: string): Promise<[number, number, string][]> =>
    (await db.getAll('events')).filter((row) => row.r === roomId).map((row) => [row.s, row.i, row.id]);
  return { db, take, stored };
};

describe('applySync', () => {
  it('stores a room with its state and events, and the token with them', async () => {
    const { db, take } = await store();
    const changes = await take({
      join: {
        '!r:x': {
          state: { events: [state('m.room.name', { name: 'Garden' })] },
          timeline: { events: [said('one'), said('two')], prev_batch: 'p' },
          unread_notifications: { notification_count: 2, highlight_count: 1 },
        },
      },
    });
    expect(changes.rooms[0]?.appended).toHaveLength(2);
    expect(await db.get('rooms', '!r:x')).toMatchObject({
      name: 'Garden',
      unread: 2,
      highlight: 1,
      membership: 'join',
    });
    expect(await db.get('meta', 'since')).toBe('s1');
  });

  it('changes nothing when a response comes twice', async () => {
    const { take, stored } = await store();
    const join = { '!r:x': { timeline: { events: [said('one'), said('two')], limited: false } } };
    await take({ join });
    const before = await stored('!r:x');
    const again = await take({ join });
    expect(again.rooms[0]?.appended).toEqual([]);
    expect(await stored('!r:x')).toEqual(before);
  });

  it('starts a new segment where events are missing, and says so', async () => {
    const { take, stored } = await store();
    await take({ join: { '!r:x': { timeline: { events: [said('old')], prev_batch: 'a' } } } });
    const changes = await take({
      join: { '!r:x': { timeline: { events: [said('new')], limited: true, prev_batch: 'b' } } },
    });
    expect(changes.rooms[0]?.gap).toBe(true);
    const segments = (await stored('!r:x')).map(([segment]) => segment);
    expect(new Set(segments).size).toBe(2);
  });

  it('blanks what is redacted, in the timeline and in the list', async () => {
    const { db, take } = await store();
    const secret = said('to be removed');
    await take({ join: { '!r:x': { timeline: { events: [secret] } } } });
    const changes = await take({
      join: { '!r:x': { timeline: { events: [event('m.room.redaction', { redacts: secret.event_id })] } } },
    });
    expect(changes.rooms[0]?.replaced).toHaveLength(1);
    expect(JSON.stringify(await db.getAll('events'))).not.toContain('to be removed');
    expect(JSON.stringify(await db.get('rooms', '!r:x'))).not.toContain('to be removed');
  });

  it('never takes an encrypted room back to clear', async () => {
    const { db, take } = await store();
    const algorithm = 'chat.nyx.epoch.v1';
    const encrypted = [state('m.room.encryption', { algorithm })];
    await take({ join: { '!r:x': { state: { events: encrypted }, timeline: { events: [said('x')] } } } });
    const first = (await db.get('rooms', '!r:x'))?.encryption;
    expect(first).not.toBe('none');
    for (const content of [{}, { algorithm: 'none' }, { algorithm: 5 }]) {
      await take({ join: { '!r:x': { timeline: { events: [state('m.room.encryption', content)] } } } });
      expect((await db.get('rooms', '!r:x'))?.encryption).toBe(first);
    }
  });

  it('lets one bad room fail alone', async () => {
    const { db, take } = await store();
    const changes = await take({
      join: {
        '!bad:x': { timeline: 'none' },
        '!worse:x': null,
        'no id': { timeline: { events: [said('x')] } },
        '!good:x': { timeline: { events: [said('hello')] } },
      },
      invite: { '!odd:x': 5 },
    });
    expect(changes.failedRooms.map(({ roomId }) => roomId).sort()).toEqual(['!bad:x', '!odd:x', '!worse:x']);
    expect(changes.rooms.map(({ room }) => room.roomId)).toEqual(['!good:x']);
    expect(await db.getAllKeys('rooms')).toEqual(['!good:x']);
    expect(await db.get('meta', 'since')).toBe('s1');
  });

  it('leaves events of wrong shape out, cleans names and clamps times', async () => {
    const { db, take } = await store();
    await take({
      join: {
        '!r:x': {
          state: {
            events: [
              state('m.room.name', { name: `a\u202eb${'Ω'.repeat(1_000)}` }),
              state('m.room.topic', { topic: 5 }),
            ],
          },
          timeline: {
            events: [
              5,
              null,
              'x',
              {},
              { type: 'm.room.message' },
              said('late', { origin_server_ts: 9e15 }),
              said('early', { origin_server_ts: -9e15 }),
            ],
          },
          ephemeral: {
            events: [
              { type: 'm.typing', content: { user_ids: [5, 'Ω'.repeat(1_000), '@b:x'] } },
              { type: 'm.receipt', content: { $1: 'x' } },
            ],
          },
        },
      },
    });
    const room = await db.get('rooms', '!r:x');
    expect(room?.name.length).toBeLessThanOrEqual(128);
    expect(room?.name).not.toContain('\u202e');
    const times = (await db.getAll('events')).map((row) => new Date(row.ev.origin_server_ts).toISOString());
    expect(times).toHaveLength(2);
  });

  it('forgets invitations that were taken back, and keeps what one has left', async () => {
    const { db, take } = await store();
    const invited = { invite_state: { events: [state('m.room.member', { membership: 'invite' }, me)] } };
    await take({ invite: { '!i:x': invited }, join: { '!r:x': { timeline: { events: [said('x')] } } } });
    expect((await db.get('rooms', '!i:x'))?.membership).toBe('invite');
    const changes = await take({ leave: { '!i:x': {}, '!r:x': { timeline: { events: [said('bye')] } } } });
    expect(changes.removed).toEqual(['!i:x']);
    expect((await db.get('rooms', '!r:x'))?.membership).toBe('leave');
  });

  it('marks direct rooms from account data', async () => {
    const { db, take } = await store();
    await take({ join: { '!d:x': { timeline: { events: [said('x')] } } } });
    await take(
      {},
      {
        account_data: { events: [{ type: 'm.direct', content: { '@b:x': ['!d:x', 7], '@c:x': 'no list' } }] },
      },
    );
    expect((await db.get('rooms', '!d:x'))?.directUser).toBe('@b:x');
  });
});
