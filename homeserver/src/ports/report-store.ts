/** Something a user of this server reported to those who run it. */
export type Report = {
  readonly reporter: string;
  readonly kind: 'event' | 'room' | 'user';
  readonly room?: string;
  readonly event?: string;
  readonly user?: string;
  readonly reason: string;
  readonly score?: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/** Reports, for moderators to look into. */
export interface ReportStore {
  add(report: Report): Promise<void>;
}
