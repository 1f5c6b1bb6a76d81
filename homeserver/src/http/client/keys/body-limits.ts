/** Bodies that name many devices: a claim or query in a room of thousands, or a hundred keys of 2 kB. */
export const KEYS_BODY_BYTES = 1_048_576;

/** A new group key for some thousand devices, at 1 to 2 kB each. */
export const TO_DEVICE_BODY_BYTES = 8_388_608;

/** Keys of a whole history on their way into the backup. */
export const BACKUP_BODY_BYTES = 16_777_216;
