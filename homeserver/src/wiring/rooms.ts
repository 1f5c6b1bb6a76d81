import { recoverRedactions } from '../domain/rooms/redaction-recovery.ts';
import type { RemoteDirectory } from '../ports/remote-directory.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';
import { directoryRoutes, roomRoutes } from './room-routes.ts';
import type { RoomServices } from './room-services.ts';

/** Rooms and events: endpoints, and the recovery of what was interrupted. */
export const wireRooms = (
  foundation: Foundation,
  events: EventServices,
  services: RoomServices,
  directory: RemoteDirectory,
): Area => ({
  routes: [
    ...roomRoutes(services, foundation.config.rooms.defaultVersion),
    ...directoryRoutes(services, directory, foundation.config),
  ],
  start: async () => {
    const { stores } = events;
    await recoverRedactions(stores.reader, services.redactions, foundation.stream.mark());
    const recovered = await services.founder.recover({ ...stores, positions: foundation.stream });
    if (recovered > 0) {
      foundation.platform.logger.info({ rooms: recovered }, 'completed rooms whose creation was interrupted');
    }
  },
});
