import type { Machine } from '../machine.ts';
import { thisMachine } from '../start-services.ts';

/** This machine with some of it changed, and a record of what was reported. */
export const machineWith = (changes: Partial<Machine>): Machine & { readonly reports: string[] } => {
  const reports: string[] = [];
  return { ...thisMachine((line) => reports.push(line)), siteTimeout: 20_000, ...changes, reports };
};
