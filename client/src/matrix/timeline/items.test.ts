import { describe, expect, it } from 'vitest';
import type { RoomEvent } from '../types.ts';
import type { Clear, Entry } from './clear.ts';
import { buildItems } from './items.ts';
import type { ItemsInput, TimelineItem } from './items.ts';
import { Relations } from './relations.ts';

const me = '@me:x';
const dayMs = 86_400_000;
let events = 0;

const entry = (more: Partial<RoomEvent> = {}, clear?: Clear): Entry => {
  const event: RoomEvent = {
    event_id: `$${++events}`,
    type: 'm.room.message',
    sender: '@a:x',
    origin_server_ts: 1_000 + events,
    content: { msgtype: 'm.text', body: `message ${events}` },
    ...more,
  };
  return { event, clear: clear ?? { state: 'clear', type: event.type, content: event.content } };
};
const sealed = (after: string | null): Entry =>
  entry(
    { type: 'm.room.encrypted', content: { kid: `kid-${String(after)}`, after } },
    {
      state: 'decrypted',
      type: 'm.room.message',
      content: { msgtype: 'm.text', body: 'x' },
      trust: 'pinned',
      warnings: [],
    },
  );

const build = (entries: Entry[], more: Partial<ItemsInput> = {}): TimelineItem[] => {
  const relations = new Relations(me);
  for (const one of entries) relations.add(one);
  return buildItems({
    entries,
    relations,
    echoes: [],
    ownUserId: me,
    unreadAfter: undefined,
    thread: undefined,
    dayOf: (ts) => String(Math.floor(ts / dayMs)),
    ignored: new Set(),
    txnOf: () => undefined,
    atStart: false,
    older: 'idle',
    newer: 'idle',
    ...more,
  });
};
const kinds = (items: TimelineItem[]): string[] => items.map((item) => item.kind);

describe('buildItems', () => {
  it('puts a line between days and groups what one person says in a row', () => {
    const entries = [entry(), entry(), entry({ sender: '@b:x' }), entry({ origin_server_ts: 3 * dayMs })];
    const items = build(entries);
    expect(kinds(items)).toEqual(['day', 'message', 'message', 'message', 'day', 'message']);
    const heads = items.flatMap((item) => (item.kind === 'message' ? [[item.head, item.tail]] : []));
    expect(heads).toEqual([
      [true, false],
      [false, true],
      [true, true],
      [true, true],
    ]);
  });

  it('draws the unread line where reading stopped, not after our own words and not at the end', () => {
    const [first, second] = [entry(), entry()];
    expect(kinds(build([first, second], { unreadAfter: first.event.event_id }))).toEqual([
      'day',
      'message',
      'unread',
      'message',
    ]);
    expect(kinds(build([first, second], { unreadAfter: second.event.event_id }))).not.toContain('unread');
    const own = entry({ sender: me });
    expect(kinds(build([first, own], { unreadAfter: first.event.event_id }))).not.toContain('unread');
  });

  it('says once that a departure gave the room new keys', () => {
    const items = build([sealed(null), sealed(null), sealed('$left'), sealed('$left'), sealed(null)]);
    const notices = items.flatMap((item) => (item.kind === 'notice' ? [item.notice.code] : []));
    expect(notices).toEqual(['rekeyed']);
    // The first that is known is no change.
    expect(kinds(build([sealed('$left')]))).not.toContain('notice');
  });

  it('leaves out who is ignored, and what is no row of its own', () => {
    const root = entry();
    const about = { event_id: root.event.event_id };
    const items = build(
      [
        root,
        entry({ sender: '@troll:x' }),
        entry({
          type: 'm.reaction',
          content: { 'm.relates_to': { rel_type: 'm.annotation', key: '👍', ...about } },
        }),
        entry({
          content: {
            'm.relates_to': { rel_type: 'm.replace', ...about },
            'm.new_content': { msgtype: 'm.text', body: 'edited' },
          },
        }),
        entry({
          content: {
            msgtype: 'm.text',
            body: 'in thread',
            'm.relates_to': { rel_type: 'm.thread', ...about },
          },
        }),
      ],
      { ignored: new Set(['@troll:x']) },
    );
    expect(kinds(items)).toEqual(['day', 'message']);
    expect(items[1]).toMatchObject({
      edited: true,
      body: { text: 'edited' },
      thread: { count: 1 },
      reactions: [{ key: '👍', senders: ['@a:x'] }],
    });
  });

  it('lets nobody edit what another wrote', () => {
    const root = entry();
    const forged = entry({
      sender: '@b:x',
      content: {
        'm.relates_to': { rel_type: 'm.replace', event_id: root.event.event_id },
        'm.new_content': { msgtype: 'm.text', body: 'forged' },
      },
    });
    expect(build([root, forged])[1]).toMatchObject({ edited: false });
  });
});

describe('rows that are built again', () => {
  it('keep what did not change, and take what did', () => {
    const [first, second] = [entry(), entry()];
    const relations = new Relations(me);
    const again = (entries: Entry[]): TimelineItem[] =>
      build(entries, { relations }).filter((item) => item.kind === 'message');
    const before = again([first, second]);
    const reaction = entry({
      type: 'm.reaction',
      content: { 'm.relates_to': { rel_type: 'm.annotation', event_id: first.event.event_id, key: '👍' } },
    });
    relations.add(reaction);
    const after = again([first, second, reaction]);
    expect(after[0]).toMatchObject({ reactions: [{ key: '👍' }] });
    expect(after[1]).toEqual(before[1]);
    expect((after[1] as { body: unknown }).body).toBe((before[1] as { body: unknown }).body);
    // Rows are copies: what one list says of heads and tails is not the other's.
    expect(again([second])[0]).toMatchObject({ head: true, tail: true });
    expect(again([first, second])[1]).toMatchObject({ head: false });
  });
});
