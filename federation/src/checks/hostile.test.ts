import { describe, expect, it } from 'vitest';
import { EventFormatError } from '../events/errors.ts';
import { parsePdu, readPdu } from '../events/pdu.ts';
import { parseTransaction, TransactionError } from '../events/transaction.ts';
import { JsonError } from '../json/errors.ts';
import { parseJsonObject } from '../json/parse.ts';
import type { JsonObject, JsonValue } from '../json/value.ts';
import { RULES, type RoomVersion } from '../room-versions/rules.ts';
import { verifyJson } from '../signing/verify-json.ts';
import { parseEventId, type EventId } from '../spec/identifiers/event-id.ts';
import { StateResolutionError } from '../state/errors.ts';
import { resolveState } from '../state/resolve.ts';
import { stateKeyOf } from '../state/state-key.ts';
import { TestRoom } from '../testing/event-factory.ts';

/** The code of the named error that something throws. */
function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof EventFormatError) return `event ${error.field}`;
    if (error instanceof JsonError) return `json ${error.code}`;
    if (error instanceof TransactionError) return `transaction ${error.code}`;
    if (error instanceof StateResolutionError) return `state ${error.code}`;
    throw error;
  }
  return 'no error';
}

/** Runs that are measured at most; the first quick one settles it. */
const TRIES = 50;

/** Milliseconds of this thread's processor time in the quickest run: what it takes, not what else a busy machine does. */
function fastest(run: () => unknown): number {
  let best = Infinity;
  for (let tries = 0; tries < TRIES && best >= 5; tries++) {
    const before = process.threadCpuUsage();
    codeOf(run);
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

const room = new TestRoom({ version: '11' });
const valid = room.build({ type: 'm.room.message', sender: room.creator, content: { body: 'x' } }).json;
const reading =
  (change: JsonObject, version: RoomVersion = '11') =>
  () => {
    // As from the wire: built as text, so that JSON.stringify's own limits play no part in it.
    parsePdu(RULES[version], { ...valid, ...change });
  };
const hash = (index: number) => '$' + index.toString(36).padStart(43, 'x');
const many = (count: number, each: (index: number) => JsonValue) =>
  Array.from({ length: count }, (_, index) => each(index));
const nested = (depth: number) => {
  let value: JsonValue = 1;
  for (let index = 0; index < depth; index++) value = [value];
  return value;
};

describe('hostile events get a named error within 5 ms', () => {
  const cases: [name: string, run: () => unknown, code: string][] = [
    ['10,000 prev_events', reading({ prev_events: many(10_000, hash) }), 'event prev_events'],
    ['10,000 auth_events', reading({ auth_events: many(10_000, hash) }), 'event auth_events'],
    [
      '8,000 keys',
      reading({
        content: Object.fromEntries(many(8_000, (index) => [`k${index}`, 1]) as [string, number][]),
      }),
      'event size',
    ],
    ['1,000 prev_events', reading({ prev_events: many(1000, hash) }), 'event prev_events'],
    ['21 prev_events', reading({ prev_events: many(21, hash) }), 'event prev_events'],
    ['11 auth_events', reading({ auth_events: many(11, hash) }), 'event auth_events'],
    ['prev_events of the wrong kind', reading({ prev_events: [1] }), 'event prev_events'],
    ['prev_events in pairs', reading({ prev_events: [[hash(1), {}]] }), 'event prev_events'],
    ['a 65,537 byte event', reading({ content: { body: 'x'.repeat(65_536) } }), 'event size'],
    ['a 2 MB event', reading({ content: { body: 'x'.repeat(2_000_000) } }), 'event size'],
    ['a deep content', reading({ content: { a: nested(10_000) } }), 'json too_deep'],
    ['a depth of 2^53', reading({ depth: 2 ** 53 }), 'event depth'],
    ['a negative depth', reading({ depth: -1 }), 'event depth'],
    ['a fractional depth', reading({ depth: 1.5 }), 'event depth'],
    ['a depth as text', reading({ depth: '1' }), 'event depth'],
    ['a long type', reading({ type: 'x'.repeat(256) }), 'event type'],
    ['a type of many bytes', reading({ type: 'ü'.repeat(128) }), 'event type'],
    ['a long state key', reading({ state_key: 'x'.repeat(256) }), 'event state_key'],
    ['a numeric state key', reading({ state_key: 1 }), 'event state_key'],
    ['a null state key', reading({ state_key: null }), 'event state_key'],
    ['a long sender', reading({ sender: `@${'x'.repeat(250)}:a.example` }), 'event sender'],
    ['a sender without domain', reading({ sender: '@x' }), 'event sender'],
    ['a content that is a list', reading({ content: [] }), 'event content'],
    ['hashes without sha256', reading({ hashes: {} }), 'event hashes'],
    ['signatures that are a list', reading({ signatures: [] }), 'event signatures'],
    ['a room id of version 12', reading({ room_id: '!' + 'x'.repeat(43) }), 'event room_id'],
    ['a lone surrogate', reading({ content: { body: '\ud800' } }), 'json lone_surrogate'],
    ['a float', reading({ content: { n: 0.5 } }), 'json float'],
    ['a time that is text', reading({ origin_server_ts: 'now' }), 'event origin_server_ts'],
  ];

  it.each(cases)('%s', (_name, run, code) => {
    expect(codeOf(run)).toBe(code);
    expect(fastest(run)).toBeLessThan(5);
  });

  it('takes the largest legal event', () => {
    const room = new TestRoom({ version: '11' });
    const empty = room.build({ type: 'm.room.message', sender: room.creator, content: { body: '' } });
    const spare = 65_536 - Buffer.byteLength(JSON.stringify(empty.json));
    const build = (extra: number) => () =>
      room.build({
        type: 'm.room.message',
        sender: room.creator,
        content: { body: 'x'.repeat(spare + extra) },
      });
    expect(codeOf(build(0))).toBe('no error');
    expect(codeOf(build(1))).toBe('event size');
  });

  it('takes depths up to 2^63-1 where the room version does', () => {
    const text = (depth: string) =>
      JSON.stringify({ ...valid, depth: 0 }).replace('"depth":0', `"depth":${depth}`);
    const read = (version: RoomVersion, depth: string) => () =>
      parsePdu(RULES[version], parseJsonObject(text(depth)));
    expect(codeOf(read('5', '9223372036854775807'))).toBe('no error');
    expect(codeOf(read('5', '9223372036854775808'))).toBe('event depth');
    expect(codeOf(read('5', '1.0'))).toBe('event depth');
    expect(codeOf(read('6', '9223372036854775807'))).toBe('event depth');
  });
});

describe('hostile transactions', () => {
  const body = (pdus: string, rest = '') =>
    `{"origin":"a.example","origin_server_ts":1,"pdus":[${pdus}]${rest}}`;
  const good = JSON.stringify(valid);

  it('one bad PDU fails alone', () => {
    const bad: [text: string, code: string][] = [
      ['{"a":1,"a":2}', 'duplicate_key'],
      ['{"a":"\\ud800"}', 'lone_surrogate'],
      ['['.repeat(2000) + ']'.repeat(2000), 'too_deep'],
      ['7', 'syntax'],
    ];
    for (const [text, code] of bad) {
      const { pdus } = parseTransaction(body(`${good},${text},${good}`));
      expect(pdus.map((pdu) => (pdu.ok ? 'ok' : pdu.error.code))).toEqual(['ok', code, 'ok']);
    }
  });

  it('and is found wherever the list of PDUs stands', () => {
    const bad = '{"a":1,"a":2}';
    const envelope = '"origin":"a.example","origin_server_ts":1';
    for (const text of [
      `{"":"",${envelope},"pdus":[${bad},${good}]}`,
      `{"x":{"pdus":[7]},"y":"\\"pdus\\":[","z":["pdus"],${envelope},"pdus" : [ ${bad} , ${good} ] }`,
      `{"pdus":[${bad},${good}],${envelope},"edus":[]}`,
    ]) {
      const { pdus } = parseTransaction(text);
      expect(pdus.map((pdu) => (pdu.ok ? 'ok' : pdu.error.code))).toEqual(['duplicate_key', 'ok']);
    }
  });

  it('a deep event that an honest server passes on is dropped alone', async () => {
    // Synapse takes events nested up to about a thousand deep, and sends them with others.
    const deep = { ...valid, content: { a: nested(900) } };
    const { pdus } = parseTransaction(body(`${good},${JSON.stringify(deep)}`));
    expect(pdus.map((pdu) => pdu.ok && codeOf(() => parsePdu(RULES['11'], pdu.json)))).toEqual([
      'no error',
      'json too_deep',
    ]);
    expect(codeOf(reading({ content: { a: nested(125) } }))).toBe('no error');
    expect(codeOf(reading({ content: { a: nested(130) } }))).toBe('json too_deep');
  });

  it('reads numbers without loss, PDU by PDU', () => {
    const { pdus } = parseTransaction(body(`{"depth":12345678901234567890},${good}`));
    const [first] = pdus;
    expect(first?.ok === true && JSON.stringify(first.json)).toBe('{"depth":12345678901234567890}');
  });

  /** What becomes of the one PDU of a transaction, from its text on. */
  const fateOf = (pdu: string, version: RoomVersion) => {
    const [read] = parseTransaction(body(pdu)).pdus;
    if (read === undefined) return 'none';
    return read.ok ? codeOf(() => parsePdu(RULES[version], read.json)) : `json ${read.error.code}`;
  };
  const withContent = (content: string) => good.replace(/"content":\{[^}]*\}/, `"content":{"a":${content}}`);
  const repeated = (item: string, count: number) => Array(count).fill(item).join(',');
  const texts: [name: string, text: string, version: RoomVersion, fate: string][] = [
    [
      '10,000 prev_events',
      good.replace(
        /"prev_events":\[[^\]]*\]/,
        `"prev_events":[${repeated(JSON.stringify(hash(1)), 10_000)}]`,
      ),
      '11',
      'event prev_events',
    ],
    ['30,000 huge integers', withContent(`[${repeated('9007199254740993', 30_000)}]`), '5', 'json too_large'],
    ['30,000 floats', withContent(`[${repeated('1.5', 30_000)}]`), '5', 'json too_large'],
    ['16,400 floats', withContent(`[${repeated('1.5', 16_400)}]`), '5', 'json too_large'],
    ['15,000 floats', withContent(`[${repeated('1.5', 15_000)}]`), '11', 'json float'],
    ['an integer of 60,000 digits', withContent('9'.repeat(60_000)), '11', 'json integer_range'],
    ['nesting of 60,000', withContent('['.repeat(60_000) + ']'.repeat(60_000)), '11', 'json too_deep'],
    ['10,000 lone surrogates', withContent(`"${'\\ud800'.repeat(10_000)}"`), '11', 'json lone_surrogate'],
    ['8,000 times the same key', withContent(`{${repeated('"a":1', 8_000)}}`), '11', 'json duplicate_key'],
    ['an integer of 250,000 digits', withContent('9'.repeat(250_000)), '5', 'json too_large'],
    ['an integer of a million digits', withContent('9'.repeat(1_000_000)), '11', 'json too_large'],
    [
      '30,000 keys',
      withContent(`{${Array.from({ length: 30_000 }, (_, index) => `"${index}":1`).join(',')}}`),
      '11',
      'json too_large',
    ],
    ['a text of 2 MB', withContent(`"${'x'.repeat(2_000_000)}"`), '11', 'event size'],
  ];
  it.each(texts)('%s, from the text on', (_name, text, version, fate) => {
    const run = () => fateOf(text, version);
    expect(run()).toBe(fate);
    expect(fastest(run)).toBeLessThan(5);
  });

  it('takes fifteen thousand floats where they are legal', () => {
    expect(fateOf(withContent(`[${repeated('1.5', 15_000)}]`), '5')).toBe('no error');
  });

  it('numbers of every kind keep their digits, wherever they are', () => {
    const text =
      '{"a":[0.5,1.5,[2.50,-0,7]],"b":{"9":1e3,"1":12345678901234567890},"__proto__":-0.0,"c":-1E-2}';
    const [first] = parseTransaction(body(text)).pdus;
    expect(first?.ok === true && JSON.stringify(first.json)).toBe(
      '{"a":[0.5,1.5,[2.50,-0,7]],"b":{"1":12345678901234567890,"9":1e3},"__proto__":-0.0,"c":-1E-2}',
    );
    for (const bad of ['{"a":1.}', '{"a":01.5}', '{"a":1.5e}', '{1.5:1}', '{"a":-.5}', '{"a":1.5.5}'])
      expect(
        codeOf(() => parseJsonObject(bad)),
        bad,
      ).toBe('json syntax');
  });

  it('takes 50 PDUs and 100 EDUs', () => {
    const edu = '{"edu_type":"m.x","content":{}}';
    const { pdus, edus } = parseTransaction(
      body(Array(50).fill('{}').join(','), `,"edus":[${Array(100).fill(edu).join(',')}]`),
    );
    expect([pdus.length, edus.length]).toEqual([50, 100]);
  });

  it('keeps EDUs that have the shape of one', () => {
    const { edus } = parseTransaction(
      body('', ',"edus":[{"edu_type":"m.typing","content":{}},7,{"edu_type":1}]'),
    );
    expect(edus).toEqual([{ type: 'm.typing', content: {} }]);
  });

  const hostile: [name: string, text: string, code: string][] = [
    [
      '51 PDUs',
      body(
        many(51, () => 1)
          .map(() => '{}')
          .join(','),
      ),
      'transaction too_many_pdus',
    ],
    [
      '51 PDUs, one of them bad',
      body('{"a":1,"a":1},' + Array(50).fill('{}').join(',')),
      'transaction too_many_pdus',
    ],
    ['101 EDUs', body('', `,"edus":[${Array(101).fill('{}').join(',')}]`), 'transaction too_many_edus'],
    ['no origin', '{"origin_server_ts":1,"pdus":[]}', 'transaction malformed'],
    [
      'pdus that are an object',
      '{"origin":"a.example","origin_server_ts":1,"pdus":{}}',
      'transaction malformed',
    ],
    ['a list', '[]', 'json syntax'],
    ['half a body', body(good).slice(0, -5), 'json syntax'],
    ['a key twice outside of PDUs', body('', ',"edus":[],"edus":[]'), 'json duplicate_key'],
    ['100,000 brackets', body('['.repeat(100_000)), 'json too_deep'],
    ['100,000 quotes', body('"'.repeat(100_001)), 'json syntax'],
  ];
  it.each(hostile)('%s', (_name, text, code) => {
    const run = () => parseTransaction(text);
    expect(codeOf(run)).toBe(code);
    expect(fastest(run)).toBeLessThan(5);
  });
});

it('a thousand signatures are refused unchecked', () => {
  const signatures = {
    'a.example': Object.fromEntries(many(1000, () => 'x').map((value, index) => [`ed25519:${index}`, value])),
  };
  expect(verifyJson({ signatures }, 'a.example', () => undefined)).toEqual({
    ok: false,
    problem: 'too_many',
  });
});

describe('cyclic auth chains', () => {
  // Only versions 1 and 2 can have them, where senders choose event ids.
  const cyclic = (version: RoomVersion, length: number) => {
    const events = new Map<EventId, ReturnType<typeof readPdu>>();
    const id = (index: number) => parseEventId(`$${index}:a.example`);
    for (let index = 0; index < length; index++) {
      const json = {
        ...valid,
        event_id: id(index),
        type: 'm.room.power_levels',
        state_key: '',
        content: { users: { '@alice:a.example': index } },
        auth_events: [[id((index + 1) % length), {}]],
        prev_events: [],
      };
      events.set(id(index), readPdu(RULES[version], json, id(index)));
    }
    const key = stateKeyOf('m.room.power_levels', '');
    const states = [new Map([[key, id(0)]]), new Map([[key, id(1)]])];
    return () =>
      resolveState(RULES[version], states, {
        get: (eventId) => events.get(eventId),
        isRejected: () => false,
      });
  };

  it.each([2, 3, 1000])('of %i power levels end with a named error within 5 ms', (length) => {
    const run = cyclic('2', length);
    expect(codeOf(run)).toBe('state cyclic_auth_chain');
    expect(fastest(run)).toBeLessThan(5);
  });

  it('do not trouble version 1, which walks no chains', () => {
    expect(codeOf(cyclic('1', 3))).toBe('no error');
  });
});
