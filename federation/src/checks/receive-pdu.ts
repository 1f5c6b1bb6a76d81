import { authorise } from '../auth/authorise.ts';
import { checkAuthEvents, stateOfAuthEvents, type JudgedPdu } from '../auth/check-auth-events.ts';
import type { AuthDecision } from '../auth/decision.ts';
import { authPlaces, type StatePlace } from '../auth/select-auth-events.ts';
import { createEventIdOf } from '../events/event-id.ts';
import type { Pdu } from '../events/pdu.ts';
import type { JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import type { KeyRequest } from '../signing/key-ring.ts';
import { requiredSigners, verifyEventSignatures } from '../signing/verify-event.ts';
import { signingKeyIds } from '../signing/verify-json.ts';
import { EventType } from '../spec/event-types.ts';
import { openPdu, type OpenedPdu } from './open-pdu.ts';
import type { EventKeys, ReceiptPorts } from './ports.ts';

/** Why an event was dropped. The `missing` ones may succeed later, when more is known. */
export type DropReason = 'format' | 'signature' | 'second_create' | 'missing_auth_events' | 'missing_state';

/**
 * What became of a received event.
 * - `drop`: it is as if it had never come.
 * - `reject`: kept, so that others may refer to it, but it is no part of state, timeline or forward extremities.
 * - `soft-fail`: part of state resolution, but not shown to clients and no forward extremity.
 * - `redact`: the content did not fit its hash. `pdu` is the redacted event; it passed every check and is kept as such.
 * - `accept`: everything, as it came.
 * A redacted event may fail the later checks like any other: `redacted` tells that `pdu` is one.
 */
export type Receipt =
  | { readonly outcome: 'drop'; readonly reason: DropReason; readonly detail: string }
  | {
      readonly outcome: 'reject';
      readonly pdu: Pdu;
      readonly redacted: boolean;
      readonly failed: 'auth_events' | 'state_before';
      readonly decision: AuthDecision;
    }
  | {
      readonly outcome: 'soft-fail';
      readonly pdu: Pdu;
      readonly redacted: boolean;
      /** The decision by the current state, or the policy server's. */
      readonly failed: AuthDecision | 'policy';
    }
  | { readonly outcome: 'redact' | 'accept'; readonly pdu: Pdu };

/**
 * The checks performed on receipt of a PDU (spec: Server-Server API), in order:
 * 1. a valid event of its room version, else dropped;
 * 2. signatures, else dropped; and so is a second create event;
 * 3. content hash, else redacted and checked further: `redact` is what comes of it at best;
 * 4. authorised by its auth events, else rejected;
 * 5. authorised by the state before it, else rejected;
 * 6. authorised by the current state, else soft-failed;
 * 7. recommended by the policy server, if the room has one, else soft-failed.
 * Server ACLs come before: they are about the transaction's origin.
 */
export async function receivePdu(
  version: RoomVersionRules,
  json: JsonObject,
  ports: ReceiptPorts,
): Promise<Receipt> {
  const opened = openPdu(version, json);
  if ('field' in opened) return drop('format', opened.message);
  await ports.keys.fetch(keysNeeded([opened]));
  const problem = checkSignatures(opened, ports.keys);
  return problem ?? authoriseReceived(opened, ports);
}

/** The keys that {@link checkSignatures} will look for: fetch those of a whole transaction at once. */
export function keysNeeded(opened: readonly OpenedPdu[]): KeyRequest[] {
  return opened.flatMap(({ version, pdu, received }) =>
    (requiredSigners(version, received) ?? []).flatMap((server) =>
      signingKeyIds(received, server).map((keyId) => ({
        server,
        keyId,
        at: version.enforcesKeyValidity ? pdu.originServerTs : 0,
      })),
    ),
  );
}

/** Step 2. Undefined if the event has every signature that it needs. */
export function checkSignatures(opened: OpenedPdu, keys: EventKeys): Receipt | undefined {
  const { version, pdu, received, signed } = opened;
  const check = verifyEventSignatures(
    version,
    received,
    (server, keyId) =>
      version.enforcesKeyValidity
        ? keys.lookup(server, keyId, pdu.originServerTs)
        : keys.lookupAnyTime(server, keyId),
    signed,
  );
  if (check.ok) return undefined;
  const problem = check.check.ok ? 'missing' : check.check.problem;
  return drop('signature', `signature of ${check.server ?? 'its server'}: ${problem}`);
}

/** Steps 4 to 7, for an event whose signatures are good. */
export async function authoriseReceived(opened: OpenedPdu, ports: ReceiptPorts): Promise<Receipt> {
  const { version, pdu, redacted } = opened;
  if (await isSecondCreate(version, pdu, ports)) {
    return drop('second_create', 'the room has another create event');
  }
  const byAuthEvents = await judgeByAuthEvents(version, pdu, ports);
  if (byAuthEvents === undefined) return drop('missing_auth_events', 'an auth event could not be had');
  if (!byAuthEvents.allowed) {
    return { outcome: 'reject', pdu, redacted, failed: 'auth_events', decision: byAuthEvents };
  }
  const places = placesToJudge(version, pdu);
  const before = await ports.states.before(pdu, places);
  if (!before) return drop('missing_state', 'the state before the event could not be had');
  const byStateBefore = authorise(version, pdu, before);
  if (!byStateBefore.allowed) {
    return { outcome: 'reject', pdu, redacted, failed: 'state_before', decision: byStateBefore };
  }
  const current = await ports.states.current(pdu, places);
  const byCurrent = current && authorise(version, pdu, current);
  if (byCurrent && !byCurrent.allowed) return { outcome: 'soft-fail', pdu, redacted, failed: byCurrent };
  if (ports.policy && !(await ports.policy.recommends(pdu))) {
    return { outcome: 'soft-fail', pdu, redacted, failed: 'policy' };
  }
  return { outcome: redacted ? 'redact' : 'accept', pdu };
}

/** The places of a state that the checks may look at for an event. */
export function placesToJudge(version: RoomVersionRules, event: Pdu): StatePlace[] {
  const places = authPlaces(version, event);
  if (version.auth.createImpliedByRoomId || event.type === EventType.Create)
    places.push([EventType.Create, '']);
  return places;
}

/**
 * A create event "must be the first event in the room" (spec: m.room.create), and the rules allow each by itself: before
 * version 12 the creator's server could make a second one at any time, and state resolution would take everybody's
 * membership away with it.
 */
async function isSecondCreate(version: RoomVersionRules, pdu: Pdu, ports: ReceiptPorts): Promise<boolean> {
  if (pdu.type !== EventType.Create) return false;
  const current = await ports.states.current(pdu, placesToJudge(version, pdu));
  const known = current?.(EventType.Create, '');
  return known !== undefined && known.eventId !== pdu.eventId;
}

/** Step 4; undefined when an auth event could not be had, so that nothing can be said. */
async function judgeByAuthEvents(
  version: RoomVersionRules,
  pdu: Pdu,
  ports: ReceiptPorts,
): Promise<AuthDecision | undefined> {
  if (pdu.type === EventType.Create) return authorise(version, pdu, () => undefined);
  const createId = version.auth.createImpliedByRoomId ? createEventIdOf(pdu.roomId) : undefined;
  const ids = createId === undefined ? pdu.authEvents : [...pdu.authEvents, createId];
  const known = await ports.authEvents.load(pdu, ids);
  const listed: JudgedPdu[] = [];
  for (const eventId of pdu.authEvents) {
    const judged = known.get(eventId);
    if (!judged) return undefined;
    listed.push(judged);
  }
  const create = createId === undefined ? undefined : known.get(createId);
  if (createId !== undefined && !create) return undefined;
  return (
    checkAuthEvents(version, pdu, listed, create) ??
    authorise(version, pdu, stateOfAuthEvents(version, listed, create))
  );
}

function drop(reason: DropReason, detail: string): Receipt {
  return { outcome: 'drop', reason, detail };
}
