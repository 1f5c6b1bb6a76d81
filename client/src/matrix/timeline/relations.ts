import { isRedacted, recordOf, relationOf, stringOf } from '../events.ts';
import { limits } from '../limits.ts';
import type { Content } from '../types.ts';
import type { Entry } from './clear.ts';

export type Reaction = {
  key: string;
  senders: readonly string[];
  /** Our own reaction's event, when we made it: what to redact to take it back. */
  own: string | undefined;
};

export type Edit = { content: Content; ts: number; eventId: string };
export type ThreadSummary = { count: number; lastTs: number };

/** Longest reaction key shown: it may be any text (client-server API, "Annotations"). */
const maxReactionKey = 40;
const maxReactionKinds = 40;

/** The clear content of an entry, when there is one. */
const contentOf = (entry: Entry): { type: string; content: Content } | undefined =>
  entry.clear.state === 'clear' || entry.clear.state === 'decrypted' ? entry.clear : undefined;

/**
 * Edits, reactions and thread replies by the event they belong to. `m.relates_to` stands in clear on encrypted events,
 * but the reaction's key and an edit's content are inside.
 */
export class Relations {
  readonly #ownUserId: string;
  readonly #byTarget = new Map<string, Map<string, Entry>>();
  /** Rises with every change of a target, so that rows know when to rebuild. */
  readonly #versions = new Map<string, number>();

  constructor(ownUserId: string) {
    this.#ownUserId = ownUserId;
  }

  /** Takes an event in, or its newer form. Answers whether it relates to another, and is no row of its own. */
  add(entry: Entry): boolean {
    const relation = relationOf(entry.event.content);
    if (relation === undefined) return false;
    const target = relation.eventId;
    const known = this.#byTarget.get(target) ?? new Map<string, Entry>();
    if (known.size < limits.relations || known.has(entry.event.event_id))
      known.set(entry.event.event_id, entry);
    this.#byTarget.set(target, known);
    this.#versions.set(target, (this.#versions.get(target) ?? 0) + 1);
    return relation.type === 'm.replace' || relation.type === 'm.annotation';
  }

  version(eventId: string): number {
    return this.#versions.get(eventId) ?? 0;
  }

  /** The newest edit by the event's own sender (client-server API, "Event replacements": validity). */
  edit(target: Entry): Edit | undefined {
    let best: Edit | undefined;
    for (const entry of this.#of(target.event.event_id, 'm.replace')) {
      const clear = contentOf(entry);
      const content = recordOf(clear?.content['m.new_content']);
      if (content === undefined || entry.event.sender !== target.event.sender) continue;
      const ts = entry.event.origin_server_ts;
      if (best === undefined || ts > best.ts || (ts === best.ts && entry.event.event_id > best.eventId)) {
        best = { content, ts, eventId: entry.event.event_id };
      }
    }
    return best;
  }

  reactions(eventId: string): Reaction[] {
    const byKey = new Map<string, { senders: Set<string>; own: string | undefined }>();
    for (const entry of this.#of(eventId, 'm.annotation')) {
      const clear = contentOf(entry);
      const key = stringOf(recordOf(clear?.content['m.relates_to'])?.key)?.slice(0, maxReactionKey);
      if (key === undefined || key === '') continue;
      const group = byKey.get(key) ?? { senders: new Set<string>(), own: undefined };
      group.senders.add(entry.event.sender);
      if (entry.event.sender === this.#ownUserId) group.own = entry.event.event_id;
      byKey.set(key, group);
    }
    return [...byKey.entries()]
      .slice(0, maxReactionKinds)
      .map(([key, group]) => ({ key, senders: [...group.senders], own: group.own }));
  }

  thread(eventId: string): ThreadSummary | undefined {
    const replies = this.#of(eventId, 'm.thread');
    if (replies.length === 0) return undefined;
    return { count: replies.length, lastTs: Math.max(...replies.map((one) => one.event.origin_server_ts)) };
  }

  /** Poll answers and the end of the poll: `m.reference` events of these clear types. */
  references(eventId: string): Entry[] {
    return this.#of(eventId, 'm.reference');
  }

  #of(target: string, type: string): Entry[] {
    return [...(this.#byTarget.get(target)?.values() ?? [])].filter(
      (entry) => !isRedacted(entry.event) && relationOf(entry.event.content)?.type === type,
    );
  }
}
