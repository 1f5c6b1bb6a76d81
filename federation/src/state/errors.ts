/** Why states could not be resolved. */
export type StateResolutionProblem = 'cyclic_auth_chain' | 'too_many_events' | 'missing_event' | 'no_states';

const MESSAGES: Record<StateResolutionProblem, string> = {
  cyclic_auth_chain: 'an auth chain leads back to itself',
  too_many_events: 'the auth chains have more events than are walked',
  missing_event: 'an event that resolution needs is not there',
  no_states: 'there is no state to resolve',
};

/** State resolution cannot come to an end with these events. */
export class StateResolutionError extends Error {
  override readonly name = 'StateResolutionError';
  readonly code: StateResolutionProblem;

  constructor(code: StateResolutionProblem) {
    super(MESSAGES[code]);
    this.code = code;
  }
}
