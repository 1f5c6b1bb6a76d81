import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { EventCache } from '../events/event-cache.ts';
import { membershipOf } from '../events/stored-event.ts';

/** Member events of one user that are walked back through to find an earlier membership. */
const MAX_STEPS = 200;

/** The user's membership of the row's room when the stream was at `since`. */
export async function membershipAt(
  events: EventCache,
  row: MembershipRow,
  since: number,
): Promise<Membership | undefined> {
  if (row.stream <= since) return row.membership;
  let id: EventId | undefined = row.eventId;
  for (let step = 0; step < MAX_STEPS && id !== undefined; step++) {
    const event = await events.get(id);
    if (event === undefined) return undefined;
    // A member event may become current later than it came, by state resolution; then its own place tells little.
    if ((event.stream ?? 0) <= since && id !== row.eventId) return membershipOf(event.pdu);
    id = event.replaces;
  }
  return undefined;
}

/** Whether the user was joined to the row's room at some time up to `since`, so that the client may have parts of it. */
export async function joinedBefore(events: EventCache, row: MembershipRow, since: number): Promise<boolean> {
  let id: EventId | undefined = row.eventId;
  for (let step = 0; step < MAX_STEPS && id !== undefined; step++) {
    const event = await events.get(id);
    if (event === undefined) return false;
    if ((event.stream ?? 0) <= since && membershipOf(event.pdu) === 'join') return true;
    id = event.replaces;
  }
  return false;
}
