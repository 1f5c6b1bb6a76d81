import type { mongo } from 'mongoose';
import type { Report, ReportStore } from '../../../ports/report-store.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const REPORTS = 'reports';
export const REPORT_INDEXES: readonly NamedIndex[] = [{ name: 'newest', key: { at: -1 } }];

/** Reports in MongoDB. */
export class MongoReports implements ReportStore {
  readonly #rows: mongo.Collection<Report>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Report>(REPORTS);
  }

  async add(report: Report): Promise<void> {
    await this.#rows.insertOne({ ...report });
  }
}
