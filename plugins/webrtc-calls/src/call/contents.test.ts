import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSpecData } from '@nyx/federation/testing/spec-data.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Seeded } from '../testing/seeded.ts';
import { World } from '../testing/world.ts';
import { CALL_EVENT_TYPES, parseCallEvent } from './contents.ts';

const data = findSpecData();

/** The judge of one type: the specification's own schema of it. */
const judge = (folder: string) => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, inlineRefs: false });
  const read = (file: string): object => {
    const document = parse(readFileSync(join(folder, 'event-schemas/schema', file), 'utf8')) as object;
    return { ...document, $id: `spec:///${file}` };
  };
  const parts = ['room_event', 'sync_room_event', 'event', 'call_event', 'unsigned_prop'];
  for (const part of parts) ajv.addSchema(read(`core-event-schema/${part}.yaml`));
  ajv.addSchema(read('components/sdp_stream_metadata.yaml'));
  return (type: string): ValidateFunction =>
    ajv.getSchema(`spec:///${type}.yaml`) ?? ajv.compile(read(`${type}.yaml`));
};

const everything = (): { type: string; content: Readonly<Record<string, unknown>> }[] => {
  const dice = new Seeded(7);
  const world = new World(() => `${dice.below(1_000_000)}`);
  const [alice, bob, bob2] = [world.add('@a:a', 'A1'), world.add('@b:b', 'B1'), world.add('@b:b', 'B2')];
  const first = alice.phone.place('!r:a', '@b:b', true, world.now);
  world.quiet();
  bob.phone.answer(first, true, world.now);
  world.pass(3_000);
  const streams = { s: { purpose: 'm.usermedia' as const, audio_muted: true, video_muted: false } };
  bob.phone.streamsChanged(first, streams);
  bob2.phone.place('!r:a', '@a:a', false, world.now);
  world.quiet();
  for (const { callId, phase } of alice.calls())
    if (phase === 'ringing') alice.phone.decline(callId, world.now);
  alice.phone.hangUp(first, world.now);
  const last = bob.phone.place('!r:a', '@a:a', false, world.now);
  world.quiet();
  alice.phone.decline(last, world.now);
  world.quiet();
  return world.sent;
};

describe('contents of call events', () => {
  it.skipIf(data === undefined)('are what the specification’s schemas say', () => {
    const validate = judge(data ?? '');
    const sent = everything();
    expect(new Set(sent.map(({ type }) => type))).toEqual(new Set(CALL_EVENT_TYPES));
    for (const { type, content } of sent) {
      const check = validate(type);
      const event = { type, content, event_id: '$e', sender: '@a:a', room_id: '!r:a', origin_server_ts: 1 };
      expect(check(event), `${type}: ${JSON.stringify(check.errors)}`).toBe(true);
      const { call_id: _, ...without } = content;
      expect(check({ ...event, content: without }), type).toBe(false);
    }
  });

  it('are parsed when they are ours, and refused when they are something else', () => {
    for (const { type, content } of everything()) {
      expect(parseCallEvent(type, content), type).toBeDefined();
      expect(parseCallEvent(type, { ...content, version: 0 }), type).toBeUndefined();
      expect(parseCallEvent(type, { ...content, party_id: 7 }), type).toBeUndefined();
      for (const junk of [undefined, null, [], 'x', {}]) expect(parseCallEvent(type, junk)).toBeUndefined();
    }
    expect(parseCallEvent('constructor', {})).toBeUndefined();
    const offer = { type: 'offer', sdp: 'x'.repeat(50_001) };
    const long = { call_id: 'c', party_id: 'p', version: '1', lifetime: 1, offer };
    expect(parseCallEvent('m.call.invite', long)).toBeUndefined();
  });
});
