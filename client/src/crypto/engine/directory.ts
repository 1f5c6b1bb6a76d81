/** Follows the devices of everybody we share an encrypted room with. */
import { applyKeyQuery, keyQuerySchema, type UserDiff } from '../identity/key-query.ts';
import { emptyUser, trustOf, type UserRecord } from '../identity/user-record.ts';
import type { Op } from './op.ts';
import { backOff, clearBackOff, isBackedOff, isInFlight, request } from './requests.ts';
import { USERS } from './tables.ts';

/** Users asked about in one `/keys/query`. */
const USERS_PER_QUERY = 250;

/** Starts following a user; their devices are fetched by the next query. */
export function track(op: Op, userId: string): UserRecord {
  const known = op.tx.get(USERS, userId) ?? emptyUser(userId);
  if (known.tracked) return known;
  const user = { ...known, tracked: true, outdated: known.outdated + 1 };
  op.tx.put(USERS, userId, user);
  return user;
}

/** `device_lists.changed`, or any sign that our view of a user is old. */
export function markOutdated(op: Op, userId: string): void {
  const user = op.tx.get(USERS, userId);
  if (user?.tracked === true) op.tx.put(USERS, userId, { ...user, outdated: user.outdated + 1 });
}

/** How long an answer is taken for the truth about a user of whom something unexplained comes. */
const LOOK_AGAIN_MS = 60_000;
/** Users remembered for that. */
const MAX_SOUGHT = 10_000;

/**
 * Something came from a device that the list at hand does not explain: fetches the list, once a minute at most. If the
 * device is still missing from it, the server's own news of the change brings the rest.
 */
export function lookAgain(op: Op, userId: string): void {
  const user = track(op, userId);
  const { sought } = op.memory;
  if (op.now - (sought.get(userId) ?? -Infinity) < LOOK_AGAIN_MS) return;
  if (sought.size >= MAX_SOUGHT) sought.clear();
  sought.set(userId, op.now);
  if (user.outdated === 0) markOutdated(op, userId);
}

/** `device_lists.left`: no longer in any room with us. What we pinned stays. */
export function untrack(op: Op, userId: string): void {
  const user = op.tx.get(USERS, userId);
  if (user?.tracked === true && userId !== op.self.userId)
    op.tx.put(USERS, userId, { ...user, tracked: false });
}

/** Whether a user's devices still have to be fetched before keys may be sent; a dead server is not waited for. */
export function awaitsQuery(op: Op, userId: string): boolean {
  const user = op.tx.get(USERS, userId);
  if (user === undefined || user.outdated === 0) return false;
  return !isBackedOff(op, serverSubject(userId)) && !isBackedOff(op, 'keysQuery');
}

/** Asks for every outdated user that is not being asked for already. */
export function requestQueries(op: Op): void {
  if (isBackedOff(op, 'keysQuery')) return;
  const asked = new Set(
    [...op.memory.inFlight.values()].flatMap(({ purpose }) =>
      purpose.for === 'keysQuery' ? Object.keys(purpose.users) : [],
    ),
  );
  const due = op.tx
    .entries(USERS)
    .map(([, user]) => user)
    .filter((user) => user.tracked && user.outdated > 0 && !asked.has(user.userId))
    .filter((user) => !isBackedOff(op, serverSubject(user.userId)));
  for (let at = 0; at < due.length; at += USERS_PER_QUERY) {
    const users = due.slice(at, at + USERS_PER_QUERY);
    request(
      op,
      {
        kind: 'keysQuery',
        method: 'POST',
        path: '/_matrix/client/v3/keys/query',
        body: { device_keys: Object.fromEntries(users.map(({ userId }) => [userId, []])) },
      },
      { for: 'keysQuery', users: Object.fromEntries(users.map((user) => [user.userId, user.outdated])) },
    );
  }
}

export const queryUnderWay = (op: Op): boolean => isInFlight(op, (purpose) => purpose.for === 'keysQuery');

/**
 * Takes an answer in. `asked` says how old each user's mark was when the question went out: a newer mark stays.
 * An answer that is not one counts as a failure.
 */
export function receiveQuery(op: Op, asked: Readonly<Record<string, number>>, response: unknown): UserDiff[] {
  const parsed = keyQuerySchema.safeParse(response);
  if (!parsed.success) {
    backOff(op, 'keysQuery');
    return [];
  }
  clearBackOff(op, 'keysQuery');
  const self = { userId: op.self.userId, userSigning: op.tx.get(USERS, op.self.userId)?.userSigning };
  const failed = new Set(Object.keys(parsed.data.failures));
  const diffs: UserDiff[] = [];
  for (const [userId, mark] of Object.entries(asked)) {
    const server = serverOf(userId);
    if (failed.has(server)) {
      backOff(op, serverSubject(userId));
      continue;
    }
    const before = op.tx.get(USERS, userId);
    const diff = applyKeyQuery(before, userId, parsed.data, self);
    const outdated = before?.outdated === mark ? 0 : (before?.outdated ?? 0);
    const user = { ...diff.user, outdated };
    op.tx.put(USERS, userId, user);
    if (diff.trustChanged) op.notices.push({ kind: 'userChanged', userId, trust: trustOf(user) });
    diffs.push({ ...diff, user });
  }
  return diffs;
}

export const serverOf = (userId: string): string => userId.slice(userId.indexOf(':') + 1);
const serverSubject = (userId: string): string => `server ${serverOf(userId)}`;
