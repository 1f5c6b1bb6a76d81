import type { mongo } from 'mongoose';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';

/** Where a long migration has got to, kept across restarts. */
export interface MigrationProgress {
  load(): Promise<unknown>;
  save(checkpoint: unknown): Promise<void>;
}

/**
 * A step from one shape of the database to the next. Steps run in the order of their names, each once. `up` may be cut
 * short at any point and run again, so it must be repeatable; long ones save checkpoints.
 */
export type Migration = {
  /** `0001-accounts`; never renamed once released. */
  readonly name: string;
  up(db: mongo.Db, progress: MigrationProgress): Promise<void>;
};

export type MigrationDeps = {
  readonly db: mongo.Db;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this process in the lock. */
  readonly owner: string;
  /** Waits before asking for the lock again. */
  readonly delay: (milliseconds: number) => Promise<void>;
};

type MigrationRow = { _id: string; startedAt: Date; finishedAt?: Date; checkpoint?: unknown };
type LockRow = { _id: 'lock'; owner: string; until: Date };

/** The database does not fit this version, or a step cannot be run. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code = 'migration_failed';
}

const LOCK_TTL_MS = 30_000;
const LOCK_POLL_MS = 200;
/** An hour: another process may be building an index over millions of documents. */
const LOCK_MAX_POLLS = 18_000;

/** Steps out of order or twice are a mistake of ours; applied steps that are not known come from a newer version. */
const checkNames = (migrations: readonly Migration[], applied: readonly string[]): void => {
  const names = migrations.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    const previous = names[index - 1];
    if (previous !== undefined && previous >= name)
      throw new MigrationError(`Migration ${name} is out of order`);
  }
  const unknown = applied.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new MigrationError(
      `The database was made by a newer version (it has ${unknown.join(', ')}). Start that version, or restore a backup.`,
    );
  }
};

const acquireLock = async (deps: MigrationDeps): Promise<void> => {
  const locks = deps.db.collection<LockRow>('migrationLock');
  for (let attempt = 0; attempt < LOCK_MAX_POLLS; attempt += 1) {
    const now = deps.clock.now();
    try {
      const row = await locks.findOneAndUpdate(
        { _id: 'lock', $or: [{ until: { $lt: new Date(now) } }, { owner: deps.owner }] },
        { $set: { owner: deps.owner, until: new Date(now + LOCK_TTL_MS) } },
        { upsert: true, returnDocument: 'after' },
      );
      if (row?.owner === deps.owner) return;
    } catch (error) {
      // The upsert of a lock that somebody else holds collides with it.
      if (!(error instanceof Error && 'code' in error && error.code === 11_000)) throw error;
    }
    if (attempt === 0) deps.logger.info({}, 'another process is migrating the database, waiting for it');
    await deps.delay(LOCK_POLL_MS);
  }
  throw new MigrationError('Another process holds the migration lock for too long');
};

/** Keeps the lock while a long step runs. */
const renewing = (deps: MigrationDeps): Disposable => {
  const timer = setInterval(() => {
    deps.db
      .collection<LockRow>('migrationLock')
      .updateOne(
        { _id: 'lock', owner: deps.owner },
        { $set: { until: new Date(deps.clock.now() + LOCK_TTL_MS) } },
      )
      .catch((error: unknown) => deps.logger.warn({ err: error }, 'could not renew the migration lock'));
  }, LOCK_TTL_MS / 3);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
};

const runOne = async (migration: Migration, deps: MigrationDeps): Promise<void> => {
  const rows = deps.db.collection<MigrationRow>('migrations');
  const key = { _id: migration.name };
  await rows.updateOne(key, { $setOnInsert: { startedAt: new Date(deps.clock.now()) } }, { upsert: true });
  await migration.up(deps.db, {
    load: async () => (await rows.findOne(key))?.checkpoint,
    save: async (checkpoint) => {
      await rows.updateOne(key, { $set: { checkpoint } });
    },
  });
  await rows.updateOne(key, { $set: { finishedAt: new Date(deps.clock.now()) }, $unset: { checkpoint: '' } });
  deps.logger.info({ migration: migration.name }, 'database migrated');
};

const appliedNames = async (db: mongo.Db): Promise<string[]> =>
  (
    await db
      .collection<MigrationRow>('migrations')
      .find({ finishedAt: { $exists: true } })
      .toArray()
  ).map(({ _id }) => _id);

/** Migrations that are still to be run, by name. */
export const pendingMigrations = async (
  db: mongo.Db,
  migrations: readonly Migration[],
): Promise<string[]> => {
  const applied = await appliedNames(db);
  checkNames(migrations, applied);
  return migrations.map(({ name }) => name).filter((name) => !applied.includes(name));
};

/** Runs the migrations that have not been run, one process at a time. Returns their names. */
export const migrate = async (migrations: readonly Migration[], deps: MigrationDeps): Promise<string[]> => {
  if ((await pendingMigrations(deps.db, migrations)).length === 0) return [];
  await acquireLock(deps);
  using _lock = renewing(deps);
  try {
    const pending = await pendingMigrations(deps.db, migrations);
    for (const migration of migrations) {
      if (pending.includes(migration.name)) await runOne(migration, deps);
    }
    return pending;
  } finally {
    await deps.db.collection<LockRow>('migrationLock').deleteOne({ _id: 'lock', owner: deps.owner });
  }
};
