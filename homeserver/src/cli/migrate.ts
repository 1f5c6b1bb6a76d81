import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemPlatform } from '../main.ts';
import { connectMongo, databaseOf } from '../storage/mongo/connection.ts';
import { migrate, pendingMigrations } from '../storage/mongo/migrations.ts';
import { MIGRATIONS } from '../storage/mongo/migrations/registry.ts';
import { bootServices } from './boot.ts';
import type { ConfigOption } from './configuration.ts';
import { configurationFor, tell } from './configuration.ts';

/** Brings the database up to date, or with `dryRun` lists what that would take. Names go to standard output. */
export const migrateCommand = async (
  options: ConfigOption & { readonly dryRun?: boolean },
): Promise<void> => {
  await using booted = await bootServices(configurationFor(options).config, tell);
  const { database } = booted.config;
  const connection = await connectMongo({
    uri: database.uri.reveal(),
    name: database.name,
    maxPoolSize: 2,
    socketTimeoutMs: 0,
  });
  try {
    const db = databaseOf(connection);
    const { clock, logger } = await systemPlatform(booted.config, 'stderr');
    const names =
      options.dryRun === true
        ? await pendingMigrations(db, MIGRATIONS)
        : await migrate(MIGRATIONS, {
            db,
            clock,
            logger,
            owner: randomUUID(),
            delay: (milliseconds) => delay(milliseconds),
          });
    for (const name of names) process.stdout.write(`${name}\n`);
    if (names.length === 0) tell('the database is up to date');
  } finally {
    await connection.close();
  }
};
