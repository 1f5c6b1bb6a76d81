import type { Migration } from '../migrations.ts';
import { baseMigration } from './0001-base.ts';

/** Every migration, in the order of their names. */
export const MIGRATIONS: readonly Migration[] = [baseMigration];
