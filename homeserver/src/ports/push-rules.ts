import type { PushEvaluator } from '../domain/push-rules/evaluate.ts';

/** A user's push rules, ready to be applied. */
export interface PushRules {
  /** On the path of syncs, so compiled rules are kept until they change. */
  evaluator(user: string): Promise<PushEvaluator>;
}
