import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  directoryAnswerSchema,
  directoryQuerySchema,
  profileQuerySchema,
  publicRoomsRequestSchema,
} from './directory.ts';
import {
  eventAuthAnswerSchema,
  missingEventsAnswerSchema,
  missingEventsRequestSchema,
  pdusAnswerSchema,
  stateAnswerSchema,
  stateIdsAnswerSchema,
} from './events.ts';
import { inviteAnswerSchema, inviteRequestSchema } from './invites.ts';
import { joinAnswerSchema, knockAnswerSchema, membershipTemplateSchema } from './membership.ts';
import { notaryQueryRequestSchema, serverKeysSchema } from './server-keys.ts';
import { transactionAnswerSchema, transactionEnvelopeSchema } from './transactions.ts';
import { keyBundlesClaimRequestSchema, keysClaimRequestSchema, keysQueryRequestSchema } from './user-keys.ts';

const object = z.record(z.string(), z.unknown());
const event = { type: 'm.room.member', content: { membership: 'join' } };
const id = `$${'a'.repeat(43)}`;
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}.example`, {}]));

type Case = readonly [name: string, schema: z.ZodType, good: unknown, bad: unknown, readAs?: unknown];

const template = membershipTemplateSchema(object);
const joined = joinAnswerSchema(object);
const joinBody = { state: [event], auth_chain: [], members_omitted: true, servers_in_room: ['a.example'] };
const joinDefaults = { state: [], auth_chain: [], members_omitted: false, servers_in_room: [] };
const claim = { one_time_keys: { '@a:b': { D: 'signed_curve25519' } } };
const bundle = { one_time_keys: { '@a:b': { D: ['x', 'y'] } }, txn_id: '1' };
const longList = { one_time_keys: { '@a:b': { D: ['1', '2', '3', '4', '5'] } } };
const keys = {
  server_name: 'a.example',
  valid_until_ts: 5,
  verify_keys: { 'ed25519:1': { key: 'AAAA' } },
  old_verify_keys: { 'ed25519:0': { key: 'BBBB', expired_ts: 1 } },
};
const keysBare = { server_name: 'a.example', valid_until_ts: 5, verify_keys: {} };
const gap = { earliest_events: [id], latest_events: [id], limit: 3 };
const rooms = { limit: 5, since: 'x', filter: { generic_search_term: null, room_types: [null, 'm.space'] } };

const cases: readonly Case[] = [
  ['template', template, { room_version: '11', event }, { room_version: '11', event: 7 }],
  ['template of an old server', template, { event }, { room_version: '1' }, { room_version: '1', event }],
  ['join answer', joined, joinBody, { ...joinBody, state: ['event'] }],
  ['join answer without options', joined, { state: [], auth_chain: [] }, { state: [] }, joinDefaults],
  ['knock answer', knockAnswerSchema(object), { knock_room_state: [event] }, { knock_room_state: {} }],
  ['invite', inviteRequestSchema(object), { room_version: '11', event, invite_room_state: 7 }, { event }],
  ['invite answer', inviteAnswerSchema(object), { event }, { event: null }],
  ['events', pdusAnswerSchema(object), { origin: 'a', pdus: [event] }, { pdus: [1] }],
  ['state', stateAnswerSchema(object), { pdus: [event], auth_chain: [] }, { pdus: [event] }],
  [
    'state ids',
    stateIdsAnswerSchema,
    { pdu_ids: [id], auth_chain_ids: [] },
    { pdu_ids: ['x'], auth_chain_ids: [] },
  ],
  ['auth chain', eventAuthAnswerSchema(object), { auth_chain: [event] }, { auth_chain: event }],
  ['gap', missingEventsRequestSchema, gap, { ...gap, limit: 0 }],
  [
    'gap with what is no id, and no limit',
    missingEventsRequestSchema,
    { earliest_events: ['x'], latest_events: [id] },
    { earliest_events: Array(101).fill(id), latest_events: [id] },
    { earliest_events: [], latest_events: [id], limit: 10 },
  ],
  ['gap answer', missingEventsAnswerSchema(object), { events: [event] }, {}],
  [
    'transaction',
    transactionEnvelopeSchema,
    { origin: 'a.example', origin_server_ts: 1 },
    { origin: 'a.example' },
  ],
  [
    'transaction of nobody',
    transactionEnvelopeSchema,
    { origin: '[::1]', origin_server_ts: 1 },
    { origin: 'a b', origin_server_ts: 1 },
  ],
  [
    'transaction answer',
    transactionAnswerSchema,
    { pdus: { [id]: { error: 'no' } } },
    { pdus: { [id]: 'no' } },
  ],
  ['empty transaction answer', transactionAnswerSchema, {}, { pdus: { [id]: { error: 1 } } }, { pdus: {} }],
  ['key query', keysQueryRequestSchema, { device_keys: { '@a:b': [] } }, { device_keys: { '@a:b': 'D' } }],
  ['key claim', keysClaimRequestSchema, claim, bundle],
  ['bundle claim', keyBundlesClaimRequestSchema, bundle, claim],
  ['bundle claim of many algorithms', keyBundlesClaimRequestSchema, bundle, longList],
  ['alias', directoryQuerySchema, { room_alias: '#a:b' }, {}],
  ['alias answer', directoryAnswerSchema, { room_id: '!a:b', servers: ['b'] }, { room_id: 'a', servers: [] }],
  [
    'alias answer without servers',
    directoryAnswerSchema,
    { room_id: '!a:b' },
    { room_id: '!a:b', servers: 'b' },
    { room_id: '!a:b', servers: [] },
  ],
  [
    'profile',
    profileQuerySchema,
    { user_id: '@a:b', field: 'x' },
    { user_id: '@a:b', field: 'x'.repeat(256) },
  ],
  ['public rooms', publicRoomsRequestSchema, rooms, { limit: 0 }],
  ['server keys', serverKeysSchema, keys, { ...keys, valid_until_ts: -1 }],
  [
    'server keys without old ones',
    serverKeysSchema,
    keysBare,
    { server_name: 'a' },
    { ...keysBare, old_verify_keys: {} },
  ],
  ['notary query', notaryQueryRequestSchema, { server_keys: many(100) }, { server_keys: many(101) }],
];

describe('schemas of shared bodies', () => {
  for (const [name, schema, good, bad, readAs = good] of cases) {
    it(name, () => {
      expect(schema.parse(good)).toEqual(readAs);
      expect(schema.safeParse(bad).success).toBe(false);
    });
  }

  it('keep what they do not know', () => {
    expect(template.parse({ event, 'org.example.more': 1 })).toHaveProperty(['org.example.more'], 1);
  });
});
