import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { MASTER_RULE_ID, defaultRuleset } from './default-rules.ts';
import type { PushRule, RuleKind, Ruleset } from './types.ts';
import { RULE_KINDS } from './types.ts';

/** Most rules of one kind that a user may make; the spec sets none, and every event is compared with all of them. */
const MAX_RULES_PER_KIND = 500;

const storedRuleSchema = z.object({
  rule_id: z.string(),
  default: z.boolean(),
  enabled: z.boolean(),
  actions: z.array(z.union([z.string(), z.record(z.string(), z.unknown())])),
  conditions: z.array(z.looseObject({ kind: z.string() })).optional(),
  pattern: z.string().optional(),
});

const storedSchema = z.object({ global: z.partialRecord(z.enum(RULE_KINDS), z.array(storedRuleSchema)) });

const notFound = (): DomainError => new DomainError('not_found', 'There is no such push rule');

/**
 * The rules in force: the server's defaults as they are now, with what the user changed about them, and the user's own
 * before them. `stored` is the content of the account data `m.push_rules`, if there is any.
 */
export const effectiveRules = (userId: string, stored: unknown): Ruleset => {
  const defaults = defaultRuleset(userId);
  const parsed = storedSchema.safeParse(stored);
  if (!parsed.success) return defaults;
  const merged = RULE_KINDS.map((kind): [RuleKind, readonly PushRule[]] => {
    const kept = (parsed.data.global[kind] ?? []) as PushRule[];
    const own = kept.filter((rule) => !rule.default);
    const known = new Map(kept.filter((rule) => rule.default).map((rule) => [rule.rule_id, rule]));
    const current = defaults[kind].map((rule) => {
      const changed = known.get(rule.rule_id);
      return changed === undefined ? rule : { ...rule, enabled: changed.enabled, actions: changed.actions };
    });
    const master = current.filter(({ rule_id: id }) => id === MASTER_RULE_ID);
    return [kind, [...master, ...own, ...current.filter(({ rule_id: id }) => id !== MASTER_RULE_ID)]];
  });
  return Object.fromEntries(merged) as Ruleset;
};

/** A rule of one kind by its id. Throws `not_found`. */
export const findRule = (rules: Ruleset, kind: RuleKind, ruleId: string): PushRule => {
  const found = rules[kind].find(({ rule_id: id }) => id === ruleId);
  if (found === undefined) throw notFound();
  return found;
};

const withKind = (rules: Ruleset, kind: RuleKind, list: readonly PushRule[]): Ruleset => ({
  ...rules,
  [kind]: list,
});

/** Changes a rule, the user's or a default. Throws `not_found`. */
export const changeRule = (
  rules: Ruleset,
  kind: RuleKind,
  ruleId: string,
  change: Partial<Pick<PushRule, 'enabled' | 'actions'>>,
): Ruleset => {
  findRule(rules, kind, ruleId);
  return withKind(
    rules,
    kind,
    rules[kind].map((rule) => (rule.rule_id === ruleId ? { ...rule, ...change } : rule)),
  );
};

/** Removes one of the user's own rules. Defaults can only be disabled. */
export const removeRule = (rules: Ruleset, kind: RuleKind, ruleId: string): Ruleset => {
  if (findRule(rules, kind, ruleId).default)
    throw new DomainError('invalid_param', 'Default rules cannot be removed');
  return withKind(
    rules,
    kind,
    rules[kind].filter(({ rule_id: id }) => id !== ruleId),
  );
};

/** Where a new or moved rule goes, in terms of the user's own rules of that kind. */
export type RulePlace = { readonly before?: string | undefined; readonly after?: string | undefined };

const indexFor = (own: readonly PushRule[], { before, after }: RulePlace, current: number): number => {
  const find = (ruleId: string): number => {
    const index = own.findIndex(({ rule_id: id }) => id === ruleId);
    if (index === -1)
      throw new DomainError('unknown_client_error', `before/after rule not found: ${ruleId.slice(0, 255)}`);
    return index;
  };
  // `before` makes it the next more important one, and the most important stands first.
  if (before !== undefined) return find(before);
  if (after !== undefined) return find(after) + 1;
  return current;
};

const checkShape = (kind: RuleKind, rule: PushRule): void => {
  const { rule_id: id } = rule;
  if (id.startsWith('.') || /[/\\]/.test(id) || id === '') {
    throw new DomainError('invalid_param', 'Rule ids may not begin with a dot or hold slashes');
  }
  if (kind === 'content' && rule.pattern === undefined) {
    throw new DomainError('missing_param', 'Content rules need a pattern');
  }
};

/** Adds one of the user's own rules, or replaces it where it is. New ones become the most important of their kind. */
export const putRule = (rules: Ruleset, kind: RuleKind, rule: PushRule, place: RulePlace): Ruleset => {
  checkShape(kind, rule);
  const own = rules[kind].filter((other) => !other.default);
  const defaults = rules[kind].filter((other) => other.default);
  const existing = own.findIndex(({ rule_id: id }) => id === rule.rule_id);
  const replaced = own[existing];
  const others = own.filter((_, index) => index !== existing);
  if (others.length >= MAX_RULES_PER_KIND) throw new DomainError('invalid_param', 'Too many push rules');
  const index = indexFor(others, place, Math.max(0, existing));
  const next = replaced === undefined ? rule : { ...rule, enabled: replaced.enabled };
  const master = defaults.filter(({ rule_id: id }) => id === MASTER_RULE_ID);
  const rest = defaults.filter(({ rule_id: id }) => id !== MASTER_RULE_ID);
  return withKind(rules, kind, [...master, ...others.slice(0, index), next, ...others.slice(index), ...rest]);
};
