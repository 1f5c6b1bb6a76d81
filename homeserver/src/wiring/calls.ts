import { turnCredentials } from '../domain/calls/turn-credentials.ts';
import { getTurnServerRoute } from '../http/client/voip/get-turn-server.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';

/** What calls need of the server: relays. */
export const wireCalls = ({ config, platform }: Foundation): Area => ({
  routes: [getTurnServerRoute((userId) => turnCredentials(config.turn, userId, platform.clock.now()))],
});
