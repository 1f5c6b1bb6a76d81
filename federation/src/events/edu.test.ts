import { describe, expect, it } from 'vitest';
import {
  deviceListUpdateSchema,
  directToDeviceSchema,
  MAX_EDU_ENTRIES,
  parseEdu,
  presenceSchema,
  presenceUpdateSchema,
  receiptsIn,
  signingKeyUpdateSchema,
  typingSchema,
} from './edu.ts';

// The examples are those of the specification's EDU definitions.
describe('EDUs', () => {
  it('have a type and an object as content', () => {
    expect(parseEdu({ edu_type: 'm.x', content: { a: 1 } })).toEqual({ type: 'm.x', content: { a: 1 } });
    for (const bad of [
      null,
      1,
      [],
      {},
      { edu_type: 'm.x' },
      { edu_type: 1, content: {} },
      { edu_type: 'm.x', content: [] },
    ]) {
      expect(parseEdu(bad)).toBeUndefined();
    }
  });

  it('typing', () => {
    const content = { room_id: '!somewhere:matrix.org', user_id: '@john:matrix.org', typing: true };
    expect(typingSchema.parse(content)).toEqual(content);
    expect(typingSchema.safeParse({ ...content, user_id: 'john' }).success).toBe(false);
    expect(typingSchema.safeParse({ ...content, typing: 'yes' }).success).toBe(false);
  });

  it('presence', () => {
    const update = {
      user_id: '@john:matrix.org',
      presence: 'online',
      status_msg: 'Making cupcakes',
      last_active_ago: 5000,
    };
    expect(presenceSchema.parse({ push: [update, 7] }).push).toHaveLength(2);
    expect(presenceUpdateSchema.parse(update)).toEqual(update);
    expect(presenceUpdateSchema.safeParse({ ...update, presence: 'asleep' }).success).toBe(false);
    expect(presenceSchema.safeParse({ push: Array(MAX_EDU_ENTRIES + 1).fill(update) }).success).toBe(false);
  });

  it('receipts, each for itself', () => {
    const good = {
      event_ids: ['$read_this_event:matrix.org'],
      data: { ts: 1533358089009, thread_id: 'main' },
    };
    const content = {
      '!some_room:example.org': {
        'm.read': { '@john:matrix.org': good, '@bad:matrix.org': { event_ids: [] }, nobody: good },
      },
      'not a room': { 'm.read': { '@john:matrix.org': good } },
      '!other:example.org': 7,
    };
    expect(receiptsIn(content)).toEqual([
      { roomId: '!some_room:example.org', userId: '@john:matrix.org', type: 'm.read', ...good },
    ]);
    const users = Object.fromEntries(
      Array.from({ length: MAX_EDU_ENTRIES + 50 }, (_, index) => [`@u${index}:a.example`, good]),
    );
    expect(receiptsIn({ '!r:a.example': { 'm.read': users } })).toHaveLength(MAX_EDU_ENTRIES);
  });

  it('device lists', () => {
    const update = { user_id: '@john:example.com', device_id: 'QBUAZIFURK', stream_id: 6 };
    expect(deviceListUpdateSchema.parse(update)).toEqual({ ...update, prev_id: [], deleted: false });
    expect(deviceListUpdateSchema.safeParse({ ...update, prev_id: ['5'] }).success).toBe(false);
    expect(deviceListUpdateSchema.safeParse({ ...update, stream_id: -1 }).success).toBe(false);
  });

  it('cross-signing keys', () => {
    const master_key = {
      user_id: '@alice:example.com',
      usage: ['master'],
      keys: { 'ed25519:base64': 'base64' },
    };
    expect(signingKeyUpdateSchema.parse({ user_id: '@alice:example.com', master_key })).toHaveProperty(
      'master_key',
    );
    expect(signingKeyUpdateSchema.safeParse({ user_id: '@alice:example.com', master_key: {} }).success).toBe(
      false,
    );
  });

  it('messages to devices', () => {
    const content = {
      sender: '@john:example.com',
      type: 'm.room_key_request',
      message_id: 'hiezohf6Hoo7kaev',
      messages: { '@alice:example.org': { IWHQUZUIAH: { algorithm: 'm.megolm.v1.aes-sha2' }, '*': {} } },
    };
    expect(directToDeviceSchema.parse(content)).toEqual(content);
    expect(directToDeviceSchema.safeParse({ ...content, messages: { alice: {} } }).success).toBe(false);
    expect(directToDeviceSchema.safeParse({ ...content, messages: { '@a:b': { X: 1 } } }).success).toBe(
      false,
    );
    expect(directToDeviceSchema.safeParse({ ...content, message_id: 'x'.repeat(256) }).success).toBe(false);
  });
});
