import { isMxcUri } from '@nyx/federation/spec/identifiers/mxc-uri.ts';
import { LRUCache } from 'lru-cache';
import { PUSH_RULES_TYPE, type AccountData } from '../domain/accounts/account-data.ts';
import { effectiveRules } from '../domain/push-rules/edit-rules.ts';
import { compileRules, type PushEvaluator } from '../domain/push-rules/evaluate.ts';
import type { PushRules } from '../ports/push-rules.ts';
import type { AccountDataStore, ProfileStore } from '../ports/accounts.ts';
import type { IgnoredUsers } from '../ports/ignored-users.ts';
import type { InvitePolicy } from '../ports/invite-policy.ts';
import type { PluginHooks } from '../ports/plugin-hooks.ts';
import type { ProfileLookup } from '../ports/profile-lookup.ts';

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Names and avatars for member events, out of profiles. */
export const profileLookup = (profiles: ProfileStore): ProfileLookup => ({
  memberProfile: async (user) => {
    const profile = (await profiles.find(user)) ?? {};
    const avatar = profile.avatar_url;
    return {
      displayName: textOf(profile.displayname),
      avatarUrl: isMxcUri(avatar) ? avatar : undefined,
    };
  },
});

/** Users whose ignore lists are kept in memory. */
const MAX_CACHED_LISTS = 10_000;
const IGNORED_LIST = 'm.ignored_user_list';

/** Ignore lists out of account data, kept until the data changes. */
export class CachedIgnoredUsers implements IgnoredUsers {
  readonly #accountData: AccountDataStore;
  readonly #lists = new LRUCache<string, Promise<ReadonlySet<string>>>({ max: MAX_CACHED_LISTS });

  constructor(accountData: AccountDataStore) {
    this.#accountData = accountData;
  }

  ignoredBy(user: string): Promise<ReadonlySet<string>> {
    const cached = this.#lists.get(user);
    if (cached !== undefined) return cached;
    const list = this.#load(user);
    this.#lists.set(user, list);
    list.catch(() => this.#lists.delete(user));
    return list;
  }

  /** The user's account data may have changed; everybody's, without a user. */
  forget(user: string | undefined): void {
    if (user === undefined) this.#lists.clear();
    else this.#lists.delete(user);
  }

  async #load(user: string): Promise<ReadonlySet<string>> {
    const entry = await this.#accountData.find(user, '', IGNORED_LIST);
    const ignored: unknown = entry?.content.ignored_users;
    const names = typeof ignored === 'object' && ignored !== null ? Object.keys(ignored) : [];
    return new Set(names.filter((name) => name !== user));
  }
}

const INVITE_PERMISSION = 'm.invite_permission_config';

/** Invites are refused if the account data says so. Those of ignored users are hidden instead: they do not learn it. */
export const invitePolicy = (accountData: AccountDataStore, plugins: PluginHooks): InvitePolicy => ({
  allows: async (user, sender, room) => {
    const permission = await accountData.find(user, '', INVITE_PERMISSION);
    if (permission?.content.default_action === 'block') return false;
    // Before there is a room there is nothing to invite to: plugins are asked when it is done.
    if (room !== undefined)
      await plugins.check('checkInvite', () => ({ roomId: room, inviter: sender, invitee: user }));
    return true;
  },
});

/** Users whose compiled push rules are kept in memory. */
const MAX_COMPILED_RULES = 2_000;

/** Push rules out of account data, compiled once and kept until the data changes. */
export const cachedPushRules = (accountData: AccountData): PushRules => {
  const compiled = new LRUCache<string, Promise<PushEvaluator>>({ max: MAX_COMPILED_RULES });
  accountData.onChange((user) => {
    if (user === undefined) compiled.clear();
    else compiled.delete(user);
  });
  const compile = async (user: string): Promise<PushEvaluator> => {
    const stored = await accountData.get(user, undefined, PUSH_RULES_TYPE);
    return compileRules(user, effectiveRules(user, stored));
  };
  return {
    evaluator: (user) => {
      const held = compiled.get(user);
      if (held !== undefined) return held;
      const evaluator = compile(user);
      compiled.set(user, evaluator);
      evaluator.catch(() => compiled.delete(user));
      return evaluator;
    },
  };
};
