import { containsWords, wholeGlob, wordGlob } from './glob.ts';
import type { PushAction, PushCondition, PushRule, RuleKind, Ruleset } from './types.ts';
import { RULE_KINDS } from './types.ts';

/** What rules look at: the event as clients see it. */
export type PushEvent = Readonly<Record<string, unknown>> & {
  readonly sender: string;
  readonly room_id: string;
};

/** What rules need to know of the room, asked for only when a rule that could match needs it. */
export type PushRoom = {
  readonly memberCount: () => number;
  /** The user's display name in the room. */
  readonly displayName: () => string | undefined;
  /** Whether the sender's power allows notifications of that kind, `room` for example. */
  readonly senderMayNotify: (key: string) => boolean;
};

/** What is to be done about an event for one user. */
export type PushVerdict = {
  readonly notify: boolean;
  readonly highlight: boolean;
  readonly sound: string | undefined;
  readonly actions: readonly PushAction[];
};

type Test = (event: PushEvent, room: PushRoom) => boolean;

/** Splits `content.m\.relates_to.rel_type` at the dots that are not escaped (spec: Dot-separated property paths). */
export const propertyPath = (key: string): string[] => {
  const parts: string[] = [];
  let part = '';
  for (let index = 0; index < key.length; index += 1) {
    const char = key.charAt(index);
    const next = key.charAt(index + 1);
    if (char === '\\' && (next === '.' || next === '\\')) {
      part += next;
      index += 1;
    } else if (char === '.') {
      parts.push(part);
      part = '';
    } else part += char;
  }
  parts.push(part);
  return parts;
};

const read = (event: PushEvent, path: readonly string[]): unknown => {
  let value: unknown = event;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
};

const isScalar = (value: unknown): boolean =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value);

const never: Test = () => false;

const eventMatch = ({ key, pattern }: PushCondition): Test => {
  if (typeof key !== 'string' || typeof pattern !== 'string') return never;
  const path = propertyPath(key);
  const matches = key === 'content.body' ? wordGlob(pattern) : wholeGlob(pattern);
  return (event) => {
    const value = read(event, path);
    return typeof value === 'string' && matches(value);
  };
};

const propertyIs = ({ key, value }: PushCondition): Test => {
  if (typeof key !== 'string' || !isScalar(value)) return never;
  const path = propertyPath(key);
  return (event) => read(event, path) === value;
};

const propertyContains = ({ key, value }: PushCondition): Test => {
  if (typeof key !== 'string' || !isScalar(value)) return never;
  const path = propertyPath(key);
  return (event) => {
    const list = read(event, path);
    return Array.isArray(list) && list.includes(value);
  };
};

const COMPARISONS: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '': (left, right) => left === right,
  '==': (left, right) => left === right,
  '<': (left, right) => left < right,
  '>': (left, right) => left > right,
  '<=': (left, right) => left <= right,
  '>=': (left, right) => left >= right,
};

const memberCount = ({ is }: PushCondition): Test => {
  const match = typeof is === 'string' ? /^(==|<=|>=|<|>|)(\d{1,15})$/.exec(is) : null;
  const compare = COMPARISONS[match?.[1] ?? ''];
  if (match === null || compare === undefined) return never;
  const wanted = Number(match[2]);
  return (_event, room) => compare(room.memberCount(), wanted);
};

/** Display names hold anything; in this condition they are text, not patterns. */
const containsDisplayName: Test = (event, room) => {
  const body = read(event, ['content', 'body']);
  const name = room.displayName();
  return typeof body === 'string' && name !== undefined && containsWords(body, name);
};

const senderMayNotify = ({ key }: PushCondition): Test =>
  typeof key === 'string' ? (_event, room) => room.senderMayNotify(key) : never;

/** A condition as a function. One that is not known matches nothing. */
const compileCondition = (condition: PushCondition): Test => {
  switch (condition.kind) {
    case 'event_match':
      return eventMatch(condition);
    case 'event_property_is':
      return propertyIs(condition);
    case 'event_property_contains':
      return propertyContains(condition);
    case 'room_member_count':
      return memberCount(condition);
    case 'contains_display_name':
      return containsDisplayName;
    case 'sender_notification_permission':
      return senderMayNotify(condition);
    default:
      return never;
  }
};

/** Conditions that only look at the event come first: the others may cost a look-up. */
const isCheap = ({ kind }: PushCondition): boolean => kind.startsWith('event_');

const compileRule = (kind: RuleKind, rule: PushRule): Test => {
  switch (kind) {
    case 'room':
      return (event) => event.room_id === rule.rule_id;
    case 'sender':
      return (event) => event.sender === rule.rule_id;
    case 'content':
      return eventMatch({ kind: 'event_match', key: 'content.body', pattern: rule.pattern });
    case 'override':
    case 'underride': {
      const conditions = rule.conditions ?? [];
      const tests = [...conditions.filter(isCheap), ...conditions.filter((one) => !isCheap(one))].map(
        compileCondition,
      );
      return (event, room) => tests.every((test) => test(event, room));
    }
  }
};

const SILENCE: PushVerdict = { notify: false, highlight: false, sound: undefined, actions: [] };

/** What a rule's actions come to (spec: Client-Server API, Actions). `coalesce` is `notify`, `dont_notify` is nothing. */
export const verdictOf = (actions: readonly PushAction[]): PushVerdict => {
  let notify = false;
  let highlight = false;
  let sound: string | undefined;
  for (const action of actions) {
    if (action === 'notify' || action === 'coalesce') notify = true;
    if (typeof action === 'string') continue;
    if (action.set_tweak === 'highlight') highlight = action.value !== false;
    if (action.set_tweak === 'sound' && typeof action.value === 'string') sound = action.value;
  }
  return notify ? { notify, highlight, sound, actions } : SILENCE;
};

/** Decides about events for one user. */
export type PushEvaluator = (event: PushEvent, room: PushRoom) => PushVerdict;

/**
 * Compiles a user's rules once; the result is kept and used for many events. The first rule that matches decides.
 * Nobody is notified of what they sent themselves.
 */
export const compileRules = (userId: string, rules: Ruleset): PushEvaluator => {
  const compiled = RULE_KINDS.flatMap((kind) =>
    rules[kind]
      .filter(({ enabled }) => enabled)
      .map((rule) => ({ test: compileRule(kind, rule), verdict: verdictOf(rule.actions) })),
  );
  return (event, room) => {
    if (event.sender === userId) return SILENCE;
    for (const { test, verdict } of compiled) if (test(event, room)) return verdict;
    return SILENCE;
  };
};
