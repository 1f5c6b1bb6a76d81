/** Bounds on what a plugin may say, common to host and test host. */
export const LIMITS = {
  /** Bytes of a message between host and plugin, its line break not counted. */
  messageBytes: 1_048_576,
  /** Calls that one side lets the other have under way. */
  concurrentCalls: 64,
  /** Bytes of a storage key in UTF-8. */
  storageKeyBytes: 256,
  /** Bytes of a stored value as JSON. */
  storageValueBytes: 65_536,
  /** Keys that one listing answers. */
  storagePage: 100,
  /** Bytes of everything that a plugin stores. */
  storageBytes: 5_242_880,
  /** Characters of a line that a plugin logs. */
  logLine: 2_000,
  /** Characters of the reason that a refusal gives. */
  reason: 500,
  /** Bytes that `modifyUnsigned` may add to an event. */
  unsignedBytes: 8_192,
  /** Characters of a text that a client plugin shows. */
  uiText: 1_000,
  /** Characters of a setting's text. */
  settingText: 1_000,
  /** Bytes that a client plugin seals, opens, uploads or downloads at once. */
  secretBytes: 16_777_216,
  /** Bytes of the body of a request that a client plugin makes. */
  networkBodyBytes: 65_536,
  /** Bytes of a client plugin's code. */
  codeBytes: 524_288,
  /** Bytes of the answer of an HTTP route. */
  httpBodyBytes: 524_288,
} as const;
