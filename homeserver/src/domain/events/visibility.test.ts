import { expect, it } from 'vitest';
import type { Membership } from '@nyx/federation/spec/event-types.ts';
import { isVisible, type HistoryVisibility } from './visibility.ts';

/**
 * The rules of the specification as a table: for each visibility and each membership of the viewer at the event,
 * whether the event may be seen by somebody who did not join after it, and by somebody who did.
 */
const TABLE: readonly (readonly [HistoryVisibility, Membership | undefined, boolean, boolean])[] = [
  ['world_readable', undefined, true, true],
  ['world_readable', 'invite', true, true],
  ['world_readable', 'join', true, true],
  ['world_readable', 'leave', true, true],
  ['world_readable', 'ban', true, true],
  ['world_readable', 'knock', true, true],
  ['shared', undefined, false, true],
  ['shared', 'invite', false, true],
  ['shared', 'join', true, true],
  ['shared', 'leave', false, true],
  ['shared', 'ban', false, true],
  ['shared', 'knock', false, true],
  ['invited', undefined, false, false],
  ['invited', 'invite', true, true],
  ['invited', 'join', true, true],
  ['invited', 'leave', false, false],
  ['invited', 'ban', false, false],
  ['invited', 'knock', false, false],
  ['joined', undefined, false, false],
  ['joined', 'invite', false, false],
  ['joined', 'join', true, true],
  ['joined', 'leave', false, false],
  ['joined', 'ban', false, false],
  ['joined', 'knock', false, false],
];

it.each(TABLE)('%s, %s at the event: %s, and %s after joining', (visibility, membership, never, joined) => {
  expect(isVisible(visibility, membership, false)).toBe(never);
  expect(isVisible(visibility, membership, true)).toBe(joined);
});
