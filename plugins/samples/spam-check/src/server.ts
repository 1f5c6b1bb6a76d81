import { allow, reject } from '@nyx/plugin-sdk/server/hooks.ts';
import { defineServerPlugin } from '@nyx/plugin-sdk/server/plugin.ts';
import { Repeats } from './repeats.ts';
import { rulesSchema, spamReason } from './rules.ts';

const COUNT = 'refusals ';

/**
 * Refuses spam where the server can read it. In an encrypted room the content is ciphertext: there is no `body`, and
 * everything passes.
 */
export const plugin = defineServerPlugin({
  setup: ({ check, route, schedule, config, storage, log, now }) => {
    const rules = rulesSchema.parse(config);
    const repeats = new Repeats();

    const refuse = async (user: string, reason: string) => {
      const before = await storage.get(COUNT + user);
      await storage.set(COUNT + user, (typeof before === 'number' ? before : 0) + 1);
      log.info(`refused a message of ${user}`);
      return reject('M_FORBIDDEN', reason);
    };

    check('checkEvent', async ({ event: { type, sender, content } }) => {
      const { body } = content;
      if (type !== 'm.room.message' || typeof body !== 'string') return allow();
      const reason = spamReason(body, rules);
      if (reason !== undefined) return refuse(sender, reason);
      if (repeats.count(sender, body, now()) > rules.maxRepeats)
        return refuse(sender, 'You have said this a moment ago');
      return allow();
    });

    route('GET', '/refusals', async ({ query: { after } }) => {
      const keys = await storage.list(COUNT, after === undefined ? undefined : COUNT + after);
      const users: Record<string, unknown> = {};
      for (const key of keys) users[key.slice(COUNT.length)] = await storage.get(key);
      return { body: { users } };
    });

    schedule('forget', async () => {
      for (const key of await storage.list(COUNT)) await storage.delete(key);
    });
  },
});
