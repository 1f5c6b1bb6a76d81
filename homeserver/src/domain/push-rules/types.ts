/** Push rules as the client API has them (spec: Client-Server API, Push Rules). */

export const RULE_KINDS = ['override', 'content', 'room', 'sender', 'underride'] as const;

/** In the order in which the kinds are tried. */
export type RuleKind = (typeof RULE_KINDS)[number];

export type PushAction = string | Readonly<Record<string, unknown>>;

export type PushCondition = Readonly<Record<string, unknown>> & { readonly kind: string };

export type PushRule = {
  readonly rule_id: string;
  readonly default: boolean;
  readonly enabled: boolean;
  readonly actions: readonly PushAction[];
  readonly conditions?: readonly PushCondition[];
  readonly pattern?: string;
};

export type Ruleset = Readonly<Record<RuleKind, readonly PushRule[]>>;
