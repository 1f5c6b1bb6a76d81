import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../store/db.ts';
import { storedEvent } from '../store/room-writer.ts';
import type { Clear, Decryptor } from '../timeline/clear.ts';
import { emptyRoom } from '../types.ts';
import type { Content, RoomEvent } from '../types.ts';
import { RoomIndex } from './room-index.ts';

const roomId = '!room:x';
const now = new AbortController().signal;
let databases = 0;

const event = (n: number, body: string, more: Partial<RoomEvent> = {}): RoomEvent => ({
  event_id: `$${n}`,
  type: 'm.room.message',
  sender: '@a:x',
  origin_server_ts: n,
  content: { msgtype: 'm.text', body },
  ...more,
});
const edit = (n: number, target: number, body: string, sender = '@a:x'): RoomEvent =>
  event(n, `* ${body}`, {
    sender,
    content: {
      msgtype: 'm.text',
      body: `* ${body}`,
      'm.new_content': { msgtype: 'm.text', body },
      'm.relates_to': { rel_type: 'm.replace', event_id: `$${target}` },
    },
  });

/** A room's store, an index store that counts, and a decryptor that reads `{sealed: Content}` once it has the key. */
const room = async () => {
  const db = await openDatabase(`search-${++databases}`);
  const kept = new Map<string, unknown>();
  const calls = { decrypted: 0, keys: new Set<string>() };
  const decryptor: Decryptor = {
    decrypt: async (_room, events) => {
      calls.decrypted += events.length;
      return events.map(({ event_id: id, content }): Clear => {
        if (!calls.keys.has(id)) return { state: 'waiting', askSender: false };
        const sealed = content.sealed as Content;
        return { state: 'decrypted', type: 'm.room.message', content: sealed, trust: 'pinned', warnings: [] };
      });
    },
  };
  const write = async (events: readonly RoomEvent[], from: number, segment = 0): Promise<void> => {
    const before = (await db.get('rooms', roomId)) ?? emptyRoom(roomId);
    await db.put('rooms', { ...before, segment: Math.max(segment, before.segment) });
    for (const [at, one] of events.entries())
      await db.put('events', storedEvent(roomId, segment, from + at, one));
  };
  const open = (): Promise<RoomIndex> =>
    RoomIndex.open({
      db,
      decryptor,
      roomId,
      store: {
        get: async (keys) => new Map(keys.filter((key) => kept.has(key)).map((key) => [key, kept.get(key)])),
        put: async (entries) => {
          for (const { key, value } of entries) kept.set(key, JSON.parse(JSON.stringify(value)));
        },
      },
    });
  const search = async (index: RoomIndex, text: string): Promise<string[]> => {
    await index.update(now, () => undefined);
    return index.search(text).map((hit) => hit.eventId);
  };
  return { db, kept, calls, write, open, search };
};

describe('RoomIndex', () => {
  it('finds words without regard to case and accents, newest first', async () => {
    const { write, open, search } = await room();
    await write([event(1, 'Café on the corner'), event(2, 'no coffee'), event(3, 'the CAFE again')], 0);
    expect(await search(await open(), 'cafe')).toEqual(['$3', '$1']);
  });

  it('reads only what is new the next time, on either end and in new segments', async () => {
    const { write, open, search } = await room();
    await write([event(10, 'middle fox')], 0);
    await search(await open(), 'fox');
    await write([event(9, 'older fox')], -1);
    await write([event(11, 'newer fox')], 1);
    await write([event(20, 'next segment fox')], 0, 1);
    const index = await open();
    expect(index.search('fox').map((hit) => hit.eventId)).toEqual(['$10']);
    expect(await search(index, 'fox')).toEqual(['$20', '$11', '$10', '$9']);
    let batches = 0;
    await index.update(now, () => (batches += 1));
    expect(batches).toBe(0);
  });

  it('follows edits by the sender alone, whichever comes first, and removals', async () => {
    const { write, open, search, db } = await room();
    await write([event(1, 'first heron'), event(2, 'second'), event(3, 'third heron')], 0);
    await write([edit(4, 1, 'changed stork'), edit(5, 2, 'forged heron', '@b:x')], 3);
    const index = await open();
    expect(await search(index, 'heron')).toEqual(['$3']);
    expect(await search(index, 'stork')).toEqual(['$1']);
    const removal = event(6, '', { type: 'm.room.redaction', content: { redacts: '$3' } });
    await write([removal], 5);
    expect(await search(index, 'heron')).toEqual([]);
    expect(await search(await open(), 'heron')).toEqual([]);
    // An edit that was read long before its message: pages come from the newest to the oldest.
    await write([edit(8, 7, 'late bittern')], 6);
    await search(index, 'x');
    await db.put('events', storedEvent(roomId, 0, -1, event(7, 'early')));
    expect(await search(await open(), 'bittern')).toEqual(['$7']);
  });

  it('tries again what had no key, and keeps nothing of it before', async () => {
    const { write, open, search, calls, kept } = await room();
    const sealed = event(1, '', {
      type: 'm.room.encrypted',
      content: { sealed: { msgtype: 'm.text', body: 'sealed otter' } },
    });
    await write([sealed], 0);
    expect(await search(await open(), 'otter')).toEqual([]);
    expect(JSON.stringify([...kept.values()])).not.toContain('otter');
    calls.keys.add('$1');
    expect(await search(await open(), 'otter')).toEqual(['$1']);
  });

  it('shows what was written with marks as plain text, and covers spoilers', async () => {
    const { write, open, search } = await room();
    const formatted = event(1, 'the **bold** ||secret||', {
      content: {
        msgtype: 'm.text',
        body: 'the **bold** ||secret||',
        format: 'org.matrix.custom.html',
        formatted_body: 'the <strong>bold</strong> <span data-mx-spoiler>secret</span>',
      },
    });
    await write([formatted], 0);
    const index = await open();
    expect(await search(index, 'bold')).toEqual(['$1']);
    expect(index.search('bold')[0]).toMatchObject({ before: 'the ', match: 'bold', after: ' ▇▇▇' });
  });

  it('begins anew when parts of it are gone or broken', async () => {
    const { write, open, search, kept } = await room();
    await write(
      Array.from({ length: 450 }, (_, n) => event(n, `message ${n} lynx`)),
      0,
    );
    expect(await search(await open(), 'lynx')).toHaveLength(200);
    kept.delete(`${roomId}|1`);
    expect(await search(await open(), 'message 250 lynx')).toEqual(['$250']);
    kept.set(`${roomId}|m`, 'not a manifest');
    expect(await search(await open(), 'message 250 lynx')).toEqual(['$250']);
  });
});
