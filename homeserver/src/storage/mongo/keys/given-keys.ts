import type { GivenKey, NamedKey, UploadedKey } from '../../../ports/device-key-store.ts';
import type { FallbackKeyRow, OneTimeKeyRow } from './key-collections.ts';

const named = ({ algorithm, keyId, json }: OneTimeKeyRow | FallbackKeyRow): NamedKey => ({
  algorithm,
  keyId,
  key: JSON.parse(json) as UploadedKey,
});

/** A stored key as it is handed out. */
export const given = (row: OneTimeKeyRow | FallbackKeyRow, isFallback: boolean): GivenKey => ({
  ...named(row),
  isFallback,
});

/** Fallback keys that were given, as they are noted for repeats. */
export const spareJson = (rows: readonly FallbackKeyRow[]): string => JSON.stringify(rows.map(named));

/** What {@link spareJson} noted. */
export const asFallbacks = (json: string): GivenKey[] =>
  (JSON.parse(json) as NamedKey[]).map((key) => ({ ...key, isFallback: true }));
