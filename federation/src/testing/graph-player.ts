import { authorise } from '../auth/authorise.ts';
import { checkAuthEvents, stateOfAuthEvents } from '../auth/check-auth-events.ts';
import type { JudgedPdu } from '../auth/check-auth-events.ts';
import type { AuthDecision } from '../auth/decision.ts';
import { allow } from '../auth/decision.ts';
import { lookupInMap } from '../auth/state-lookup.ts';
import { createEventIdOf } from '../events/event-id.ts';
import type { Pdu } from '../events/pdu.ts';
import { readPdu } from '../events/pdu.ts';
import type { JsonObject } from '../json/value.ts';
import { roomVersionRules } from '../room-versions/registry.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { resolveState } from '../state/resolve.ts';
import type { StateKey, StateMap } from '../state/state-key.ts';
import { splitStateKey, stateKeyOf } from '../state/state-key.ts';

/** An event of a graph: its wire form, without hashes and signatures, and the id it goes by. */
export type GraphEvent = { readonly eventId: EventId; readonly json: JsonObject };

/** A room's events, each after its previous and auth events. The first is the create event. */
export type EventGraph = { readonly roomVersion: string; readonly events: readonly GraphEvent[] };

/** What comes of a graph, in a form that other implementations can produce too. */
export type GraphOutcome = {
  /** For each event, in order, whether it was accepted. */
  readonly accepted: readonly boolean[];
  /** Resolution of the states after all forward extremities: type, state key, event id; sorted. */
  readonly state: readonly (readonly [string, string, string])[];
};

/**
 * Plays a graph in order, as a server that receives it whole would: each event is judged by its auth events and by the
 * state before it, which is the resolution of the states after its previous events.
 */
export class GraphPlayer {
  readonly rules: RoomVersionRules;
  readonly #judged = new Map<EventId, JudgedPdu>();
  readonly #after = new Map<EventId, StateMap<EventId>>();
  readonly #extremities = new Set<EventId>();
  readonly decisions: AuthDecision[] = [];

  constructor(roomVersion: string) {
    const rules = roomVersionRules(roomVersion);
    if (rules === undefined) throw new RangeError(`no such room version: ${roomVersion}`);
    this.rules = rules;
  }

  /** Judges one more event and takes it in. */
  add(event: GraphEvent): AuthDecision {
    const pdu = readPdu(this.rules, event.json, event.eventId);
    const before = this.stateBefore(pdu.prevEvents);
    const decision = this.#judge(pdu, before);
    this.decisions.push(decision);
    this.#judged.set(pdu.eventId, { pdu, rejected: !decision.allowed });
    const after = new Map(before);
    if (decision.allowed && pdu.stateKey !== undefined)
      after.set(stateKeyOf(pdu.type, pdu.stateKey), pdu.eventId);
    this.#after.set(pdu.eventId, after);
    if (decision.allowed) {
      for (const id of pdu.prevEvents) this.#extremities.delete(id);
      this.#extremities.add(pdu.eventId);
    }
    return decision;
  }

  /** The resolution of the states after some events. */
  stateBefore(prevEvents: readonly EventId[]): StateMap<EventId> {
    const states = prevEvents.flatMap((id) => this.#after.get(id) ?? []);
    const [first] = states;
    if (first === undefined) return new Map<StateKey, EventId>();
    if (states.length === 1) return first;
    return resolveState(this.rules, states, {
      get: (id) => this.#judged.get(id)?.pdu,
      isRejected: (id) => this.#judged.get(id)?.rejected ?? false,
    });
  }

  pdu(eventId: EventId): Pdu | undefined {
    return this.#judged.get(eventId)?.pdu;
  }

  outcome(): GraphOutcome {
    const state = [...this.stateBefore([...this.#extremities].sort())].map(([key, id]) => {
      const { type, stateKey } = splitStateKey(key);
      return [type, stateKey, id] as const;
    });
    return { accepted: this.decisions.map(({ allowed }) => allowed), state: state.sort(compareRows) };
  }

  #judge(pdu: Pdu, before: StateMap<EventId>): AuthDecision {
    const known = pdu.authEvents.flatMap((id) => this.#judged.get(id) ?? []);
    const createId =
      pdu.type === EventType.Create || !this.rules.auth.createImpliedByRoomId
        ? undefined
        : createEventIdOf(pdu.roomId);
    const create = createId === undefined ? undefined : this.#judged.get(createId);
    const rejection = checkAuthEvents(this.rules, pdu, known, create);
    if (rejection) return rejection;
    const byAuthEvents = authorise(this.rules, pdu, stateOfAuthEvents(this.rules, known, create));
    if (!byAuthEvents.allowed) return byAuthEvents;
    const state = new Map(
      [...before].flatMap(([key, id]) => {
        const found = this.pdu(id);
        return found === undefined ? [] : [[key, found] as const];
      }),
    );
    const byState = authorise(this.rules, pdu, lookupInMap(state));
    return byState.allowed ? allow(byState.rule) : byState;
  }
}

/** Plays a whole graph. */
export function playGraph(graph: EventGraph): GraphOutcome {
  const player = new GraphPlayer(graph.roomVersion);
  for (const event of graph.events) player.add(event);
  return player.outcome();
}

function compareRows(left: readonly string[], right: readonly string[]): number {
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? '';
    if (value !== other) return Buffer.compare(Buffer.from(value), Buffer.from(other));
  }
  return 0;
}
