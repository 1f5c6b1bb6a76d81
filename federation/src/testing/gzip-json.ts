import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const FOLDER = join(import.meta.dirname, '../../vectors');

/**
 * Reads a frozen vector file of federation/vectors.
 *
 * @param parse one without loss where the file holds numbers that doubles cannot
 */
export function readVectors(name: string, parse: (text: string) => unknown = JSON.parse): unknown {
  return parse(gunzipSync(readFileSync(join(FOLDER, name))).toString());
}

/** Writes one. */
export function writeVectors(name: string, value: unknown): void {
  writeFileSync(join(FOLDER, name), gzipSync(JSON.stringify(value), { level: 9 }));
}
