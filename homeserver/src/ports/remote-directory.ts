import type { ListRequest } from '../domain/rooms/list-rooms.ts';

/** Public room lists of other servers. */
export interface RemoteDirectory {
  /** The other server's answer, as JSON. Throws a DomainError when it gives none. */
  list(server: string, request: ListRequest): Promise<Readonly<Record<string, unknown>>>;
}
