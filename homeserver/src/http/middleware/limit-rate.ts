import type { RateLimiter } from '../../ports/rate-limiter.ts';
import type { Route } from '../route.ts';
import type { RequestState } from '../state.ts';
import { requesterName } from '../state.ts';

/** Takes a token from the route's bucket: the user's, the server's, or the address's when nobody is known. */
export const limitRate = async (state: RequestState, route: Route, limiter: RateLimiter): Promise<void> => {
  if (route.limit === 'none') return;
  await limiter.consume(route.limit, requesterName(state.requester) ?? state.ip);
};
