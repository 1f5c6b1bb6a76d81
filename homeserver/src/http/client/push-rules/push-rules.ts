import { z } from 'zod';
import type { AccountData } from '../../../domain/accounts/account-data.ts';
import { PUSH_RULES_TYPE } from '../../../domain/accounts/account-data.ts';
import {
  changeRule,
  effectiveRules,
  findRule,
  putRule,
  removeRule,
} from '../../../domain/push-rules/edit-rules.ts';
import type { PushRule, RuleKind, Ruleset } from '../../../domain/push-rules/types.ts';
import { RULE_KINDS } from '../../../domain/push-rules/types.ts';
import { defineRoute } from '../../route.ts';

const bases = (suffix: string) => [
  `/_matrix/client/v3/pushrules${suffix}`,
  `/_matrix/client/r0/pushrules${suffix}`,
];
const RULE = bases('/global/{kind}/{ruleId}');
const ENABLED = bases('/global/{kind}/{ruleId}/enabled');
const ACTIONS = bases('/global/{kind}/{ruleId}/actions');

const MAX_ACTIONS = 20;
const MAX_CONDITIONS = 20;
const params = z.object({ kind: z.enum(RULE_KINDS), ruleId: z.string().max(255) });
const actions = z.array(z.union([z.string(), z.record(z.string(), z.unknown())])).max(MAX_ACTIONS);
const ruleSchema = z.object({
  actions,
  conditions: z
    .array(z.looseObject({ kind: z.string() }))
    .max(MAX_CONDITIONS)
    .optional(),
  pattern: z.string().optional(),
});

const auth = { auth: 'access_token', limit: 'read' } as const;
const edits = { auth: 'access_token', limit: 'profile' } as const;

const newRule = (kind: RuleKind, ruleId: string, body: z.output<typeof ruleSchema>): PushRule => ({
  rule_id: ruleId,
  default: false,
  enabled: true,
  actions: body.actions,
  ...(kind === 'override' || kind === 'underride' ? { conditions: body.conditions ?? [] } : {}),
  ...(kind === 'content' && body.pattern !== undefined ? { pattern: body.pattern } : {}),
});

/** Reads and changes the rules of one user. */
const rulesOf = (accountData: AccountData) => ({
  read: async (userId: string): Promise<Ruleset> =>
    effectiveRules(userId, await accountData.get(userId, undefined, PUSH_RULES_TYPE)),
  edit: (userId: string, change: (rules: Ruleset) => Ruleset): Promise<void> =>
    accountData.update(userId, undefined, PUSH_RULES_TYPE, (content) => ({
      global: change(effectiveRules(userId, content)),
    })),
});

/** Spec: Client-Server API, Push Rules: everything below /_matrix/client/v3/pushrules. */
export const pushRuleRoutes = (accountData: AccountData) => {
  const { read, edit } = rulesOf(accountData);
  return [
    defineRoute({
      ...auth,
      operation: 'getPushRules',
      method: 'GET',
      paths: bases('/'),
      handler: async ({ requester }) => ({ body: { global: await read(requester.userId) } }),
    }),
    defineRoute({
      ...auth,
      operation: 'getPushRulesGlobal',
      method: 'GET',
      paths: bases('/global/'),
      handler: async ({ requester }) => ({ body: await read(requester.userId) }),
    }),
    defineRoute({
      ...auth,
      operation: 'getPushRule',
      method: 'GET',
      paths: RULE,
      params,
      handler: async ({ requester, params: { kind, ruleId } }) => ({
        body: findRule(await read(requester.userId), kind, ruleId),
      }),
    }),
    defineRoute({
      ...edits,
      operation: 'setPushRule',
      method: 'PUT',
      paths: RULE,
      params,
      query: z.object({ before: z.string().optional(), after: z.string().optional() }),
      bodySchema: ruleSchema,
      handler: async ({ requester, params: { kind, ruleId }, query, body }) => {
        await edit(requester.userId, (rules) => putRule(rules, kind, newRule(kind, ruleId, body), query));
        return {};
      },
    }),
    defineRoute({
      ...edits,
      operation: 'deletePushRule',
      method: 'DELETE',
      paths: RULE,
      params,
      handler: async ({ requester, params: { kind, ruleId } }) => {
        await edit(requester.userId, (rules) => removeRule(rules, kind, ruleId));
        return {};
      },
    }),
    defineRoute({
      ...auth,
      operation: 'isPushRuleEnabled',
      method: 'GET',
      paths: ENABLED,
      params,
      handler: async ({ requester, params: { kind, ruleId } }) => ({
        body: { enabled: findRule(await read(requester.userId), kind, ruleId).enabled },
      }),
    }),
    defineRoute({
      ...edits,
      operation: 'setPushRuleEnabled',
      method: 'PUT',
      paths: ENABLED,
      params,
      bodySchema: z.object({ enabled: z.boolean() }),
      handler: async ({ requester, params: { kind, ruleId }, body: { enabled } }) => {
        await edit(requester.userId, (rules) => changeRule(rules, kind, ruleId, { enabled }));
        return {};
      },
    }),
    defineRoute({
      ...auth,
      operation: 'getPushRuleActions',
      method: 'GET',
      paths: ACTIONS,
      params,
      handler: async ({ requester, params: { kind, ruleId } }) => ({
        body: { actions: findRule(await read(requester.userId), kind, ruleId).actions },
      }),
    }),
    defineRoute({
      ...edits,
      operation: 'setPushRuleActions',
      method: 'PUT',
      paths: ACTIONS,
      params,
      bodySchema: z.object({ actions }),
      handler: async ({ requester, params: { kind, ruleId }, body }) => {
        await edit(requester.userId, (rules) => changeRule(rules, kind, ruleId, { actions: body.actions }));
        return {};
      },
    }),
  ];
};
