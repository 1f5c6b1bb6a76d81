import { ACCOUNT_DATA_COLLECTION, ACCOUNT_DATA_INDEXES } from '../accounts/account-data.ts';
import { AUTH_SESSION_INDEXES } from '../accounts/auth-sessions.ts';
import { DEVICE_INDEXES } from '../accounts/devices.ts';
import { GRANT_INDEXES } from '../accounts/grants.ts';
import { USER_INDEXES } from '../accounts/users.ts';
import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';

/** Accounts, sessions, profiles and account data. */
export const accountsMigration: Migration = {
  name: '0002-accounts',
  up: async (db) => {
    await createIndexes(db, 'users', USER_INDEXES);
    await createIndexes(db, 'devices', DEVICE_INDEXES);
    await createIndexes(db, 'authSessions', AUTH_SESSION_INDEXES);
    await createIndexes(db, 'grants', GRANT_INDEXES);
    await createIndexes(db, ACCOUNT_DATA_COLLECTION, ACCOUNT_DATA_INDEXES);
    for (const name of ['profiles', 'filters', 'registrationTokens']) await createIndexes(db, name, []);
  },
};
