import { AccountChanges } from '../domain/rooms/account-changes.ts';
import { profileLookup } from './account-adapters.ts';
import type { Accounts } from './accounts.ts';
import type { Foundation } from './foundation.ts';
import type { RoomServices } from './room-services.ts';

/** Lets rooms follow what happens to accounts: new profiles, new users, users who are gone. */
export const followAccounts = (
  { config, platform }: Foundation,
  { observers, profileStore }: Accounts,
  { userRooms, local, leave, find, join }: RoomServices,
): void => {
  observers.accounts.push(
    new AccountChanges({
      userRooms,
      local,
      leave,
      profiles: profileLookup(profileStore),
      entrance: { find, join, aliases: config.registration.autoJoinRooms },
      logger: platform.logger,
    }),
  );
};
