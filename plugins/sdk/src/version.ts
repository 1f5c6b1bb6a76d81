/** The version of the plugin interface; a manifest's `sdk` range is matched against it. */
export const SDK_VERSION = '0.1.0';

const RANGE = /^([~^]?)(\d+)\.(\d+)\.(\d+)$/;

/** Whether a text is a range that `isCompatible` understands: `1.2.3`, `~1.2.3` or `^1.2.3`. */
export const isRange = (range: string): boolean => RANGE.test(range);

/**
 * Whether a plugin written for `range` runs on `version`, by the rules of semantic versioning: under `^` the leftmost
 * part that is not zero must stay, under `~` the minor version.
 */
export const isCompatible = (range: string, version: string = SDK_VERSION): boolean => {
  const wanted = RANGE.exec(range);
  const given = RANGE.exec(version);
  if (wanted === null || given === null) return false;
  const [wantedMajor = 0, wantedMinor = 0, wantedPatch = 0] = wanted.slice(2).map(Number);
  const [major = 0, minor = 0, patch = 0] = given.slice(2).map(Number);
  const isNotOlder =
    major > wantedMajor ||
    (major === wantedMajor && (minor > wantedMinor || (minor === wantedMinor && patch >= wantedPatch)));
  if (!isNotOlder || major !== wantedMajor) return false;
  const operator = wanted[1];
  if (operator === '^' && wantedMajor > 0) return true;
  if (minor !== wantedMinor) return false;
  return patch === wantedPatch || operator === '~' || (operator === '^' && wantedMinor > 0);
};
