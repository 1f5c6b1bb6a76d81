import { onScopeDispose, shallowRef } from 'vue';
import { setPushRuleEnabled, setRoomPushRule } from '../../matrix/api/account.ts';
import { ok } from '../../matrix/api/result.ts';
import type { Result } from '../../matrix/api/result.ts';
import type { Content } from '../../matrix/types.ts';
import { useRuntime } from '../../stores/session.ts';
import { topics } from './push-rules.ts';
import type { RoomMode, Topic } from './push-rules.ts';

/** The account's notification rules, as sync brings them, and changing them. */
export const usePushRules = () => {
  const runtime = useRuntime();
  const rules = shallowRef<Content>();
  const type = 'm.push_rules';
  void runtime.db.get('accountData', ['', type]).then((stored) => {
    rules.value ??= stored?.content;
  });
  onScopeDispose(
    runtime.onSync.on(({ accountData }) => {
      const next = accountData.findLast((event) => event.type === type);
      if (next !== undefined) rules.value = next.content;
    }),
  );
  const setTopic = async (topic: Topic, on: boolean): Promise<Result<unknown>> => {
    let last: Result<unknown> = ok(undefined);
    for (const [kind, id] of topics[topic]) {
      const answer = await setPushRuleEnabled(runtime.api, kind, id, on);
      // A server that does not know one of the rules is asked for the others all the same.
      if (!answer.ok && answer.error.status !== 404) last = answer;
    }
    return last;
  };
  return {
    rules,
    setTopic,
    silence: (on: boolean): Promise<Result<unknown>> =>
      setPushRuleEnabled(runtime.api, 'override', '.m.rule.master', on),
    setRoom: (roomId: string, mode: RoomMode): Promise<Result<unknown>> =>
      setRoomPushRule(runtime.api, roomId, mode),
  };
};
