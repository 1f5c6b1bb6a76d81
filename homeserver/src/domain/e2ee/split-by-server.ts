/** Groups what is asked about users by the users' servers, in the order in which they were named. */
export const splitByServer = <T>(byUser: ReadonlyMap<string, T>): Map<string, Map<string, T>> => {
  const parts = new Map<string, Map<string, T>>();
  for (const [userId, value] of byUser) {
    const server = userId.slice(userId.indexOf(':') + 1);
    const part = parts.get(server) ?? new Map<string, T>();
    parts.set(server, part);
    part.set(userId, value);
  }
  return parts;
};
