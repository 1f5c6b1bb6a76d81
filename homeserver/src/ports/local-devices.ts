/** Devices of local accounts, as far as encryption needs them. */
export interface LocalDevices {
  /** Ids of the devices that are logged in, by user; users without one are left out. */
  idsOf(userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Display names, by user and device id. */
  namesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
}
