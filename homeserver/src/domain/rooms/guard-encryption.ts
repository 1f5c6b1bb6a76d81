import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { DomainError } from '../errors.ts';

/** Algorithms from weak to strong; between others there is no way. */
const STRENGTH: readonly string[] = ['m.megolm.v1.aes-sha2', 'chat.nyx.epoch.v1'];

/** Bounds on the life of a key, with what holds when they are not given (spec: Client-Server API, m.room.encryption). */
const KEY_LIFE = { rotation_period_ms: 604_800_000, rotation_period_msgs: 100 } as const;

const isWeakerAlgorithm = (before: unknown, after: unknown): boolean => {
  if (typeof before !== 'string' || before === after) return false;
  const [from, to] = [STRENGTH.indexOf(before), STRENGTH.indexOf(typeof after === 'string' ? after : '')];
  return from < 0 || to < from;
};

/** Whether encryption would be weaker under `after`: off, another algorithm, keys that live longer, a promise taken back. */
const weakensEncryption = (before: JsonObject, after: JsonObject): boolean => {
  if (isWeakerAlgorithm(before.algorithm, after.algorithm)) return true;
  for (const [field, usual] of Object.entries(KEY_LIFE)) {
    const [was, is] = [before[field] ?? usual, after[field] ?? usual];
    if (typeof was === 'number' && (typeof is !== 'number' || is > was)) return true;
  }
  return Object.entries(before).some(([field, value]) => value === true && after[field] !== true);
};

/** Throws `invalid_param` for encryption that is none, `forbidden` for less of it than there is. */
export const guardEncryption = (before: JsonObject | undefined, after: JsonObject): void => {
  if (typeof after.algorithm !== 'string' || after.algorithm === '')
    throw new DomainError('invalid_param', 'Encryption needs an algorithm');
  if (before !== undefined && weakensEncryption(before, after))
    throw new DomainError('forbidden', 'The encryption of a room cannot be weakened');
};

/** Whether an event turns encryption on; such an event is never redacted here, or its room would seem to be in clear. */
export const isEncryptionState = ({ type, stateKey }: Pick<Pdu, 'type' | 'stateKey'>): boolean =>
  type === EventType.Encryption && stateKey === '';
