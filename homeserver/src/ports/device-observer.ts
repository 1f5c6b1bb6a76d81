/** Told when a user's devices come, go or change their name: encryption tells those who share rooms with the user. */
export interface DeviceObserver {
  devicesAdded(userId: string, deviceIds: readonly string[]): Promise<void>;
  devicesRenamed(userId: string, deviceIds: readonly string[]): Promise<void>;
  devicesRemoved(userId: string, deviceIds: readonly string[]): Promise<void>;
}
