import type { JsonObject } from '@nyx/federation/json/value.ts';

/** Content by user and device id; the device `*` stands for all of the user's. */
export type ToDeviceContents = ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;
