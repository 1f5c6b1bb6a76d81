import { isRedacted, relationOf, replyTarget, recordOf, stringsOf } from '../events.ts';
import type { OutboxEntry } from '../send-queue/outbox.ts';
import type { Content, RoomEvent } from '../types.ts';
import { bodyOf } from './body.ts';
import type { Body } from './body.ts';
import type { Clear, Entry } from './clear.ts';
import { noticeOf } from './notices.ts';
import type { NoticeText } from './notices.ts';
import type { Reaction, Relations, ThreadSummary } from './relations.ts';

export type EchoState = 'sent' | 'sending' | 'queued' | 'failed';

export type MessageItem = {
  readonly kind: 'message';
  readonly key: string;
  readonly eventId: string | undefined;
  readonly txnId: string | undefined;
  readonly sender: string;
  readonly own: boolean;
  readonly ts: number;
  /** First and last of a run of messages by one person within five minutes. */
  readonly head: boolean;
  readonly tail: boolean;
  readonly body: Body;
  /** Type and content as they were decrypted, of kinds that we do not draw ourselves. */
  readonly raw?: { readonly type: string; readonly content: Content } | undefined;
  /** Set when there is nothing to show yet, or ever. */
  readonly locked: Exclude<Clear, { state: 'clear' | 'decrypted' }> | undefined;
  readonly replyTo: string | undefined;
  readonly edited: boolean;
  readonly reactions: readonly Reaction[];
  readonly thread: ThreadSummary | undefined;
  readonly echo: EchoState;
  readonly error: string | undefined;
  readonly warnings: readonly string[];
  readonly mentionsMe: boolean;
  readonly relationVersion: number;
};

export type TimelineItem =
  | MessageItem
  | {
      readonly kind: 'notice';
      readonly key: string;
      readonly eventId: string;
      readonly notice: NoticeText;
      readonly ts: number;
    }
  | { readonly kind: 'day'; readonly key: string; readonly ts: number }
  | { readonly kind: 'unread'; readonly key: string }
  | { readonly kind: 'start'; readonly key: string }
  /** Older or newer pages are coming, or failed: a row of constant height. */
  | {
      readonly kind: 'more';
      readonly key: string;
      readonly state: 'loading' | 'error';
      readonly direction: 'older' | 'newer';
    };

export type Echo = { entry: OutboxEntry; state: EchoState; eventId: string | undefined };

export type ItemsInput = {
  entries: readonly Entry[];
  relations: Relations;
  echoes: readonly Echo[];
  ownUserId: string;
  /** Draw the unread line after this event; undefined draws none. */
  unreadAfter: string | undefined;
  /** Show only this thread (root event id), or the main timeline without thread replies. */
  thread: string | undefined;
  /** Local calendar day of a time, as a stable key. */
  dayOf: (ts: number) => string;
  ignored: ReadonlySet<string>;
  /** Event id -> the transaction id it was sent with here: keeps a row's key when its echo becomes the event. */
  txnOf: (eventId: string) => string | undefined;
  atStart: boolean;
  older: 'idle' | 'loading' | 'error';
  newer: 'idle' | 'loading' | 'error';
};

const groupGapMs = 5 * 60_000;

/** Types that are machinery: they change rows or drive calls, and are no rows themselves. */
const silent = new Set([
  'm.reaction',
  'm.room.redaction',
  'm.poll.response',
  'm.poll.end',
  'org.matrix.msc3381.poll.response',
  'org.matrix.msc3381.poll.end',
  'm.call.candidates',
  'm.call.negotiate',
  'm.call.select_answer',
  'm.call.answer',
  'm.call.sdp_stream_metadata_changed',
]);

const mentions = (content: Content, userId: string): boolean => {
  const list = recordOf(content['m.mentions']);
  return stringsOf(list?.user_ids, 200).includes(userId) || list?.room === true;
};

const rawOf = (type: string, content: Content): MessageItem['raw'] =>
  type.startsWith('m.room.') ? undefined : { type, content };

type Draft = { -readonly [K in keyof MessageItem]: MessageItem[K] };

const messageFrom = (entry: Entry, input: ItemsInput): Draft | undefined => {
  const { event, clear } = entry;
  const shown = clear.state === 'clear' || clear.state === 'decrypted' ? clear : undefined;
  if (shown !== undefined && (silent.has(shown.type) || shown.type.startsWith('chat.nyx.call')))
    return undefined;
  const edit = input.relations.edit(entry);
  const own = event.sender === input.ownUserId;
  const replyTo =
    replyTarget(event.content) ?? (shown === undefined ? undefined : replyTarget(shown.content));
  const content = edit?.content ?? shown?.content ?? {};
  const redacted = isRedacted(event);
  const txnId = input.txnOf(event.event_id);
  return {
    kind: 'message',
    key: txnId === undefined ? event.event_id : `txn:${txnId}`,
    eventId: event.event_id,
    txnId,
    sender: event.sender,
    own,
    ts: event.origin_server_ts,
    head: true,
    tail: true,
    body: redacted ? { kind: 'redacted' } : bodyOf(shown?.type ?? '', content, replyTo !== undefined),
    raw: redacted || shown === undefined ? undefined : rawOf(shown.type, content),
    locked: clear.state === 'clear' || clear.state === 'decrypted' ? undefined : clear,
    replyTo: redacted ? undefined : replyTo,
    edited: edit !== undefined && !redacted,
    reactions: redacted ? [] : input.relations.reactions(event.event_id),
    thread: input.thread === undefined ? input.relations.thread(event.event_id) : undefined,
    echo: 'sent',
    error: undefined,
    warnings: clear.state === 'decrypted' ? clear.warnings : [],
    mentionsMe: !own && shown !== undefined && mentions(content, input.ownUserId),
    relationVersion: input.relations.version(event.event_id),
  };
};

type Made = { relations: Relations; version: number; txnId: string | undefined; draft: Draft | undefined };
const made = new WeakMap<Entry, Made>();

/**
 * The row of an entry, parsed once: rows are built anew with every page and every sync, and only what they relate to
 * can change them. Answers a copy, which the caller may change.
 */
const knownMessage = (entry: Entry, input: ItemsInput): Draft | undefined => {
  const { relations } = input;
  const version = relations.version(entry.event.event_id);
  const txnId = input.txnOf(entry.event.event_id);
  const known = made.get(entry);
  const fits = known?.relations === relations && known.version === version && known.txnId === txnId;
  const draft = fits ? known.draft : messageFrom(entry, input);
  if (!fits) made.set(entry, { relations, version, txnId, draft });
  return draft === undefined ? undefined : { ...draft };
};

const messageFromEcho = (echo: Echo, ownUserId: string): Draft | undefined => {
  const { entry } = echo;
  const relation = relationOf(entry.content);
  if (entry.kind === 'redaction' || relation?.type === 'm.replace' || relation?.type === 'm.annotation') {
    return undefined;
  }
  if (silent.has(entry.type)) return undefined;
  const replyTo = replyTarget(entry.content);
  return {
    kind: 'message',
    key: `txn:${entry.txnId}`,
    eventId: echo.eventId,
    txnId: entry.txnId,
    sender: ownUserId,
    own: true,
    ts: entry.createdAt,
    head: true,
    tail: true,
    body: bodyOf(entry.type, entry.content, replyTo !== undefined),
    raw: rawOf(entry.type, entry.content),
    locked: undefined,
    replyTo,
    edited: false,
    reactions: [],
    thread: undefined,
    echo: echo.state,
    error: entry.error,
    warnings: [],
    mentionsMe: false,
    relationVersion: 0,
  };
};

const inThread = (content: Content, root: string | undefined, eventId: string | undefined): boolean => {
  const relation = relationOf(content);
  const threadOf = relation?.type === 'm.thread' ? relation.eventId : undefined;
  return root === undefined ? threadOf === undefined : threadOf === root || eventId === root;
};

/** The rows of a timeline, oldest first. Pure: the same input gives the same rows and keys. */
export const buildItems = (input: ItemsInput): TimelineItem[] => {
  const items: TimelineItem[] = [];
  if (input.atStart && input.thread === undefined) items.push({ kind: 'start', key: 'start' });
  else if (input.older !== 'idle')
    items.push({ kind: 'more', key: 'more:older', state: input.older, direction: 'older' });

  let day = '';
  let last: Draft | undefined;
  let lineDue = false;
  const place = (ts: number): void => {
    const nextDay = input.dayOf(ts);
    if (nextDay !== day) {
      day = nextDay;
      items.push({ kind: 'day', key: `day:${nextDay}`, ts });
      last = undefined;
    }
    if (lineDue) {
      items.push({ kind: 'unread', key: 'unread' });
      lineDue = false;
      last = undefined;
    }
  };
  const pushMessage = (draft: Draft): void => {
    if (draft.own) lineDue = false;
    place(draft.ts);
    if (last?.sender === draft.sender && draft.ts - last.ts < groupGapMs && !draft.replyTo) {
      draft.head = false;
      last.tail = false;
    }
    items.push(draft);
    last = draft;
  };

  /** Departures that messages say they come after: a new one means that the room has new keys since (e2ee.md section 3). */
  const departures = new Set<string | null>();
  const rekeyed = ({ content, event_id: id, origin_server_ts: ts, sender }: RoomEvent): void => {
    const { after } = content;
    if ((typeof after !== 'string' && after !== null) || typeof content.kid !== 'string') return;
    const isNew = departures.size > 0 && !departures.has(after) && after !== null;
    departures.add(after);
    if (!isNew || input.thread !== undefined) return;
    place(ts);
    const notice = { code: 'rekeyed', params: { actor: sender } };
    items.push({ kind: 'notice', key: `keys:${id}`, eventId: id, notice, ts });
    last = undefined;
  };

  for (const entry of input.entries) {
    const { event } = entry;
    if (!input.ignored.has(event.sender) && inThread(event.content, input.thread, event.event_id)) {
      const relation = relationOf(event.content)?.type;
      if (event.state_key !== undefined) {
        const notice = input.thread === undefined ? noticeOf(event) : undefined;
        if (notice !== undefined) {
          place(event.origin_server_ts);
          items.push({
            kind: 'notice',
            key: event.event_id,
            eventId: event.event_id,
            notice,
            ts: event.origin_server_ts,
          });
          last = undefined;
        }
      } else if (relation !== 'm.replace' && relation !== 'm.annotation' && relation !== 'm.reference') {
        // A thread's own view shows no summaries of threads: it is small, and parsed as it comes.
        const draft = input.thread === undefined ? knownMessage(entry, input) : messageFrom(entry, input);
        if (draft !== undefined) {
          rekeyed(event);
          pushMessage(draft);
        }
      }
    }
    if (event.event_id === input.unreadAfter && entry !== input.entries.at(-1)) lineDue = true;
  }
  if (input.newer !== 'idle')
    items.push({ kind: 'more', key: 'more:newer', state: input.newer, direction: 'newer' });

  const present = new Set(items.map((item) => item.key));
  for (const echo of input.echoes) {
    if (present.has(`txn:${echo.entry.txnId}`) || (echo.eventId !== undefined && present.has(echo.eventId)))
      continue;
    if (!inThread(echo.entry.content, input.thread, undefined)) continue;
    const draft = messageFromEcho(echo, input.ownUserId);
    if (draft !== undefined) pushMessage(draft);
  }
  return items;
};

const same = (a: object, b: object): boolean => {
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return Object.keys(left).every(
    (key) => left[key] === right[key] || JSON.stringify(left[key]) === JSON.stringify(right[key]),
  );
};

/** Reuses the previous row objects where nothing changed, so that only changed rows render again. */
export const reuseItems = (before: ReadonlyMap<string, TimelineItem>, next: TimelineItem[]): TimelineItem[] =>
  next.map((item) => {
    const old = before.get(item.key);
    return old?.kind === item.kind && same(old, item) ? old : item;
  });
