import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  directoryAnswerSchema,
  directoryQuerySchema,
  profileAnswerSchema,
  profileQuerySchema,
  publicRoomsAnswerSchema,
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
import { policySignAnswerSchema } from './policy.ts';
import { notaryAnswerSchema, notaryQueryRequestSchema, serverKeysSchema } from './server-keys.ts';
import { transactionAnswerSchema, transactionEnvelopeSchema } from './transactions.ts';
import {
  keyBundlesClaimRequestSchema,
  keysClaimAnswerSchema,
  keysClaimRequestSchema,
  keysQueryAnswerSchema,
  keysQueryRequestSchema,
  MAX_DEVICES_PER_USER,
  userDevicesAnswerSchema,
} from './user-keys.ts';

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

const deviceKeys = { user_id: '@a:b', device_id: 'D', keys: {} };
const devices = { user_id: '@a:b', stream_id: 5, devices: [{ device_id: 'D', keys: deviceKeys }] };
const nameless = { device_id: 'D', keys: deviceKeys, device_display_name: null };
const queried = { device_keys: { '@a:b': { D: deviceKeys } }, master_keys: { '@a:b': deviceKeys } };
const oneTimeKey = { key: 'x', signatures: {} };
const listed = { room_id: '!a:b', num_joined_members: 3, world_readable: true, guest_can_join: false };
const map = (object: object) => new Map(Object.entries(object));

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
  [
    'devices, of which one has no keys and one no name',
    userDevicesAnswerSchema(object),
    { ...devices, devices: [...devices.devices, { device_id: 'E' }, 7, nameless], master_key: null },
    { ...devices, stream_id: '5' },
    { ...devices, devices: [...devices.devices, nameless], master_key: null },
  ],
  [
    'devices of nobody',
    userDevicesAnswerSchema(object),
    devices,
    { ...devices, user_id: undefined },
    devices,
  ],
  [
    'keys, of which some are malformed',
    keysQueryAnswerSchema(object),
    { ...queried, device_keys: { ...queried.device_keys, '@c:b': 'none', '@d:b': { D: 7 } } },
    { master_keys: {} },
    {
      device_keys: map({ '@a:b': map({ D: deviceKeys }), '@d:b': map({}) }),
      master_keys: map({ '@a:b': deviceKeys }),
      self_signing_keys: map({}),
    },
  ],
  [
    'claimed keys, of which one is a number',
    keysClaimAnswerSchema(object),
    {
      one_time_keys: { '@a:b': { D: { 'signed_curve25519:A': oneTimeKey, 'x:B': 7, 'curve25519:C': 'k' } } },
    },
    { one_time_keys: [] },
    {
      one_time_keys: map({
        '@a:b': map({ D: map({ 'signed_curve25519:A': oneTimeKey, 'curve25519:C': 'k' }) }),
      }),
    },
  ],
  [
    'list of rooms, of which one does not say how many are in it',
    publicRoomsAnswerSchema,
    { chunk: [{ ...listed, name: 'A' }, { room_id: '!c:b' }], next_batch: 'n' },
    { chunk: {} },
    { chunk: [{ ...listed, name: 'A' }], next_batch: 'n' },
  ],
  [
    'profile answer with a name that is not set',
    profileAnswerSchema,
    { displayname: null, avatar_url: 'mxc://a/b', 'm.tz': 'x' },
    { displayname: 7 },
    { avatar_url: 'mxc://a/b', 'm.tz': 'x' },
  ],
  [
    'policy answer',
    policySignAnswerSchema,
    { 'a.example': { 'ed25519:policy_server': 'x' } },
    { 'a.example': { 'ed25519:policy_server': 7 } },
  ],
  [
    'notary answer',
    notaryAnswerSchema(object),
    { server_keys: [keys, 7] },
    { server_keys: keys },
    { server_keys: [keys] },
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

  it('takes no more devices of a user than anybody has, whatever they are called', () => {
    const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`D${index}`, {}]));
    const answer = { device_keys: { '@a:b': many, '@c:b': { toString: {}, constructor: {} } } };
    const { device_keys: read } = keysQueryAnswerSchema(object).parse(answer);
    expect(read.get('@a:b')?.size).toBe(MAX_DEVICES_PER_USER);
    expect([...(read.get('@c:b')?.keys() ?? [])]).toEqual(['toString', 'constructor']);
    expect(read.get('toString')).toBeUndefined();
  });
});
