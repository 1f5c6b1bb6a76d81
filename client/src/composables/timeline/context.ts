import { inject } from 'vue';
import type { InjectionKey, Ref } from 'vue';
import type { MediaBody } from '../../matrix/timeline/body.ts';
import type { MessageItem } from '../../matrix/timeline/items.ts';

export type Person = { name: string; avatar: string | undefined };

export type ReplyPreview = { sender: string; text: string | undefined; state: 'loading' | 'ok' | 'gone' };

export type MessageAction =
  | 'reply'
  | 'edit'
  | 'react'
  | 'thread'
  | 'redact'
  | 'copy'
  | 'link'
  | 'pin'
  | 'forward'
  | 'report'
  | 'source'
  | 'retry'
  | 'cancel'
  | 'askKey'
  | 'endPoll';

/** An attachment being fetched, decrypted or shown. */
export type AttachmentState =
  | { kind: 'idle' }
  | { kind: 'loading'; progress: number }
  | { kind: 'ready'; url: string }
  | { kind: 'error' };

export interface Attachments {
  /** State of the whole file of a message, or of its thumbnail; starts nothing. */
  state(body: MediaBody, part: 'file' | 'thumbnail'): Readonly<Ref<AttachmentState>>;
  /** Fetches and decrypts; shared between rows, released with `release`. */
  load(body: MediaBody, part: 'file' | 'thumbnail'): void;
  cancel(body: MediaBody): void;
}

/** What rows need from the room they stand in; given once by the timeline, not passed through every component. */
export interface TimelineContext {
  readonly ownUserId: string;
  readonly roomId: string;
  /** Show senders' names and pictures: not in a direct chat of two. */
  readonly group: Ref<boolean>;
  person(userId: string): Person;
  /** Others whose newest read event this is. */
  readers(eventId: string): readonly string[];
  preview(eventId: string): ReplyPreview;
  may(action: MessageAction, item: MessageItem): boolean;
  act(action: MessageAction, item: MessageItem): void;
  react(item: MessageItem, key: string): void;
  jump(eventId: string): void;
  openMedia(item: MessageItem): void;
  openPerson(userId: string): void;
  readonly attachments: Attachments;
  /** Upload progress of a message that is being sent, 0..1. */
  uploadProgress(txnId: string): number | undefined;
  /** Row with the keyboard or the pointer: shows its actions. */
  readonly activeKey: Ref<string | undefined>;
  /** Event to flash after a jump. */
  readonly flashed: Ref<string | undefined>;
  readonly now: () => number;
}

export const timelineContextKey: InjectionKey<TimelineContext> = Symbol('timeline');

export const useTimelineContext = (): TimelineContext => {
  const context = inject(timelineContextKey);
  if (context === undefined) throw new Error('a row outside a timeline');
  return context;
};
