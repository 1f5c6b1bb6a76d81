import type { NamedIndex } from '../create-indexes.ts';
import { FENCE_INDEX, fenceIndexes } from '../stream-leases.ts';

/** Accepted events: the rooms' timelines. */
export const EVENTS = 'events';
/** Events that have no place in a timeline: outliers, rejected, soft-failed. */
export const EVENTS_APART = 'eventsApart';
export const STATE_LAYERS = 'stateLayers';

const AUTH_CHAIN: NamedIndex = {
  name: 'auth_chain',
  key: { r: 1, 'c.c': 1, 'c.n': 1 },
  partialFilterExpression: { 'c.c': { $exists: true } },
};

/** Indexes of the accepted events; queries name them. */
export const EVENT_INDEXES: readonly NamedIndex[] = [
  /** The room's order, and the fence against writers with an outdated view. */
  {
    name: 'room_position',
    key: { r: 1, p: 1 },
    unique: true,
    partialFilterExpression: { p: { $exists: true } },
  },
  // Events fetched from history have no place in the stream.
  ...fenceIndexes('s').map((index) =>
    index.name === FENCE_INDEX ? { ...index, partialFilterExpression: { s: { $exists: true } } } : index,
  ),
  { name: 'transaction', key: { tx: 1 }, unique: true, partialFilterExpression: { tx: { $exists: true } } },
  { name: 'member', key: { 'mb.u': 1, s: 1 }, partialFilterExpression: { 'mb.u': { $exists: true } } },
  { name: 'relation', key: { rt: 1, rk: 1, p: 1 }, partialFilterExpression: { rt: { $exists: true } } },
  { name: 'thread', key: { r: 1, rt: 1, p: 1, u: 1 }, partialFilterExpression: { rk: 'm.thread' } },
  { name: 'room_time', key: { r: 1, ts: 1 }, partialFilterExpression: { p: { $exists: true } } },
  AUTH_CHAIN,
];

/** Events of a room that follow some that are not here. */
export const GAP_INDEXES: readonly NamedIndex[] = [
  { name: 'room_gap', key: { r: 1, p: -1 }, partialFilterExpression: { gap: true } },
];

export const EVENT_APART_INDEXES: readonly NamedIndex[] = [AUTH_CHAIN];
