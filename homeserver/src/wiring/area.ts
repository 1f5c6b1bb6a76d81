import type { Route } from '../http/route.ts';
import type { JobDefinition } from '../jobs/define-job.ts';
import type { Schedule } from '../jobs/schedulers.ts';

/** What one area of the server brings: its endpoints, its jobs, and what has to be started and stopped. */
export type Area = {
  readonly routes?: readonly Route[];
  readonly jobs?: readonly JobDefinition[];
  readonly schedules?: readonly Schedule[];
  /** Keys of `unstable_features` in /versions. */
  readonly unstableFeatures?: Readonly<Record<string, boolean>>;
  /** Called when everything is wired and the database is migrated. */
  readonly start?: () => Promise<void>;
  /** Called before the foundation goes. */
  readonly stop?: () => Promise<void>;
};
