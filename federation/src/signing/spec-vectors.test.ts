import { describe, expect, it } from 'vitest';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { RULES } from '../room-versions/rules.ts';
import { SigningKey, VerifyKey } from './keys.ts';
import { signEvent } from './sign-event.ts';
import { signJson } from './sign-json.ts';
import { verifyEventSignatures } from './verify-event.ts';
import { verifyJson } from './verify-json.ts';
import type { JsonObject } from '../json/value.ts';

// Specification v1.19, Appendices, "Cryptographic Test Vectors": seed, server name, key id, inputs and signatures.
const key = SigningKey.fromSeed('1', Buffer.from('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 'base64'));
const signer = { server: parseServerName('domain'), key };
const lookup = () => VerifyKey.fromBase64(key.publicKey);

describe('the specification’s signing vectors', () => {
  it.each<[JsonObject, string]>([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [
      { one: 1, two: 'Two' },
      'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw',
    ],
  ])('signs the JSON %j', (object, signature) => {
    const signed = signJson(object, signer);
    expect(signed).toEqual({ ...object, signatures: { domain: { 'ed25519:1': signature } } });
    expect(verifyJson(signed, 'domain', lookup)).toEqual({ ok: true });
    expect(verifyJson({ ...signed, three: 3 }, 'domain', lookup)).toEqual({ ok: false, problem: 'invalid' });
  });

  it('signs the minimally-sized event', () => {
    const event = {
      room_id: '!x:domain',
      sender: '@a:domain',
      origin: 'domain',
      origin_server_ts: 1000000,
      signatures: {},
      hashes: {},
      type: 'X',
      content: {},
      prev_events: [],
      auth_events: [],
      depth: 3,
      unsigned: { age_ts: 1000000 },
    };
    const { json } = signEvent(RULES['3'], event, signer);
    expect(json).toEqual({
      ...event,
      hashes: { sha256: '5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos' },
      signatures: {
        domain: {
          'ed25519:1':
            'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
        },
      },
    });
    expect(verifyEventSignatures(RULES['3'], json, lookup)).toEqual({ ok: true });
  });

  it('signs the event with redactable content', () => {
    const event = {
      content: { body: 'Here is the message content' },
      event_id: '$0:domain',
      origin: 'domain',
      origin_server_ts: 1000000,
      type: 'm.room.message',
      room_id: '!r:domain',
      sender: '@u:domain',
      signatures: {},
      unsigned: { age_ts: 1000000 },
    };
    const { json, eventId } = signEvent(RULES['1'], event, signer);
    expect(eventId).toBe('$0:domain');
    expect(json).toEqual({
      ...event,
      hashes: { sha256: 'onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g' },
      signatures: {
        domain: {
          'ed25519:1':
            'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
        },
      },
    });
    expect(verifyEventSignatures(RULES['1'], json, lookup)).toEqual({ ok: true });
  });
});
