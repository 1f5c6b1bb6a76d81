import { inject } from 'vue';
import type { InjectionKey } from 'vue';
import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { Platform } from '../adapters/platform.ts';
import type { SocketPort } from '../matrix/sync/socket.ts';
import type { HttpPort } from '../matrix/api/http.ts';

/** The outside, given once when the app starts. */
export type Services = {
  http: HttpPort;
  platform: Platform;
  sockets: SocketPort;
  openEngine: () => EngineClient;
};

export const servicesKey: InjectionKey<Services> = Symbol('services');

export const useServices = (): Services => {
  const services = inject(servicesKey);
  if (services === undefined) throw new Error('services were not provided');
  return services;
};
