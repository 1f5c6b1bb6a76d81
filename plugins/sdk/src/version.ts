/** The version of the plugin interface; a manifest's `sdk` range is matched against it (semver). */
export const SDK_VERSION = '0.1.0';
