/** A job to be run: its name and a small, serialisable payload of ids. */
export type JobRequest = {
  readonly name: string;
  readonly payload: unknown;
  /** While a job with this key waits, another one with it is not added. */
  readonly key?: string;
  /** Not before this many milliseconds from now. */
  readonly delayMs?: number;
};

/** Where the domain leaves work for later. A row in the database first, so nothing is lost when Redis is. */
export interface JobQueue {
  enqueue(requests: readonly JobRequest[]): Promise<void>;
}
