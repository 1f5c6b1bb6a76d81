import { computed, inject, toValue } from 'vue';
import type { InjectionKey, MaybeRefOrGetter } from 'vue';
import { recordOf, stringsOf } from '../../matrix/events.ts';
import type { Poll } from '../../matrix/timeline/body.ts';
import type { Entry } from '../../matrix/timeline/clear.ts';
import type { MessageItem } from '../../matrix/timeline/items.ts';

export interface PollPort {
  readonly ownUserId: string;
  /** Votes and the end of a poll: `m.reference` events, oldest first. */
  references(item: MessageItem): readonly Entry[];
  vote(item: MessageItem, answers: string[]): void;
}

export const pollPortKey: InjectionKey<PollPort> = Symbol('polls');

/** Counts a poll: each person's last valid vote before its end (MSC3381, "Client behaviour"). */
export const countVotes = (
  poll: Poll,
  creator: string,
  references: readonly Entry[],
): { byPerson: Map<string, string[]>; ended: boolean } => {
  const valid = new Set(poll.answers.map((answer) => answer.id));
  const byPerson = new Map<string, string[]>();
  const ordered = [...references].sort((a, b) => a.event.origin_server_ts - b.event.origin_server_ts);
  for (const { event, clear } of ordered) {
    if (clear.state !== 'clear' && clear.state !== 'decrypted') continue;
    if (clear.type.endsWith('poll.end') && event.sender === creator) return { byPerson, ended: true };
    if (!clear.type.endsWith('poll.response')) continue;
    const response = recordOf(clear.content['org.matrix.msc3381.poll.response']);
    const selections = stringsOf(clear.content['m.selections'] ?? response?.answers, 20);
    byPerson.set(event.sender, selections.filter((id) => valid.has(id)).slice(0, poll.max));
  }
  return { byPerson, ended: false };
};

export const usePoll = (item: MaybeRefOrGetter<MessageItem>, poll: MaybeRefOrGetter<Poll>) => {
  const port = inject(pollPortKey, undefined);
  const counted = computed(() => {
    const message = toValue(item);
    return countVotes(toValue(poll), message.sender, port?.references(message) ?? []);
  });
  const votes = computed(() => {
    const sums = new Map<string, number>();
    for (const ids of counted.value.byPerson.values())
      for (const id of ids) sums.set(id, (sums.get(id) ?? 0) + 1);
    return sums;
  });
  const mine = computed(() => new Set(counted.value.byPerson.get(port?.ownUserId ?? '') ?? []));
  return {
    votes,
    mine,
    total: computed(() => [...counted.value.byPerson.values()].filter((ids) => ids.length > 0).length),
    ended: computed(() => counted.value.ended),
    vote: (id: string): void => {
      const chosen = mine.value.has(id) ? [...mine.value].filter((one) => one !== id) : [id, ...mine.value];
      port?.vote(toValue(item), chosen.slice(0, toValue(poll).max));
    },
  };
};
