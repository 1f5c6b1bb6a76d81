const MAX_PORT = 65_535;

/** Whether `text` is `HOST` or `HOST:PORT`; an IPv6 address is in brackets, a socket's path percent-encoded. */
const isHost = (text: string): boolean => {
  const match = /^(?:[A-Za-z0-9._%-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(text);
  return match !== null && Number(match[1] ?? 1) <= MAX_PORT;
};

/** Whether `text` is `USER:PASSWORD` with everything else that means something in an address percent-encoded. */
const areCredentials = (text: string): boolean => /^[^:@/?#[\]]+(?::[^:@/?#[\]]*)?$/.test(text);

/**
 * Whether `text` is an address that MongoDB's driver takes, as far as can be told without it.
 *
 * @see https://www.mongodb.com/docs/manual/reference/connection-string/
 */
export const isMongoAddress = (text: string): boolean => {
  const match = /^mongodb(\+srv)?:\/\/([^/?]+)(?:\/[^?]*)?(?:\?.*)?$/.exec(text);
  const authority = match?.[2];
  if (authority === undefined) return false;
  const at = authority.lastIndexOf('@');
  if (at !== -1 && !areCredentials(authority.slice(0, at))) return false;
  const hosts = authority.slice(at + 1).split(',');
  if (match?.[1] !== undefined)
    return hosts.length === 1 && hosts.every((host) => /^[A-Za-z0-9.-]+$/.test(host));
  return hosts.every(isHost);
};

/** Whether `text` is an address that the Redis client takes: `redis://`, `rediss://`, or the path of a socket. */
export const isRedisAddress = (text: string): boolean => {
  if (/^\/[^/]/.test(text)) return true;
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { hostname, pathname } = new URL(text);
  return hostname !== '' && /^(?:\/\d{0,5})?$/.test(pathname);
};
