import { createHash } from 'node:crypto';
import type { mongo } from 'mongoose';
import { MatrixClient, registerUser } from '../matrix-client.ts';
import { percentile, times } from '../measure.ts';

export type FlatnessFigures = {
  readonly members: number;
  readonly events: number;
  /** Median milliseconds of a send into a room of 10 members and few events; of `members`; of `events` events. */
  readonly small: number;
  readonly manyMembers: number;
  readonly manyEvents: number;
};

const TEXT = 'The quick brown fox jumps over the lazy dog, and does so in a sentence of ordinary length.';
const PARALLEL = 16;
const PER_INSERT = 2_000;
/** Events of history lie between two whole positions, as backfill places them. */
const STEP = 2 ** -21;

type Row = mongo.Document & { _id: string };

/** Accounts with a session, written as a registration writes them: argon2 would take the time of the bench. */
const accounts = async (
  url: string,
  db: mongo.Db,
  serverName: string,
  count: number,
): Promise<MatrixClient[]> => {
  const names = Array.from({ length: count }, (_, n) => ({
    userId: `@flat${n}:${serverName}`,
    token: `flat-${n}`,
  }));
  const createdAt = Date.now();
  await db.collection<Row>('users').insertMany(
    names.map(({ userId }) => ({
      _id: userId,
      createdAt,
      isAdmin: false,
      isGuest: false,
      isSuspended: false,
      isLocked: false,
    })),
  );
  await db.collection<Row>('devices').insertMany(
    names.map(({ userId, token }) => ({
      _id: `${userId} FLAT`,
      session: token,
      userId,
      deviceId: 'FLAT',
      createdAt,
      tokens: [
        { kind: 'access', hash: createHash('sha256').update(token).digest('base64url'), generation: 0 },
      ],
    })),
  );
  return names.map(({ userId, token }) => new MatrixClient(url, userId, token));
};

const inLanes = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const item = items[next++];
      if (item === undefined) return;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
};

/** Puts `count` copies of a message below the newest event of the room, in the places that fetched history has. */
const fill = async (db: mongo.Db, room: string, count: number): Promise<void> => {
  const events = db.collection<Row>('events');
  const [newest] = await events.find({ r: room }).sort({ p: -1 }).limit(1).toArray();
  if (newest === undefined) throw new Error('an empty room');
  const { s: _stream, tx: _transaction, _id: _id, ...copied } = newest;
  for (let from = 0; from < count; from += PER_INSERT) {
    const rows = Array.from({ length: Math.min(PER_INSERT, count - from) }, (_, n) => ({
      ...copied,
      _id: `$${createHash('sha256')
        .update(`${room}${from + n}`)
        .digest('base64url')}`,
      p: Number(newest.p) - (from + n + 1) * STEP,
    }));
    await events.insertMany(rows, { ordered: false, writeConcern: { w: 1, journal: false } });
  }
};

/** The median cost of a send in a small room, in one with many members, and in one with many events, in turns. */
export const benchFlatness = async (
  url: string,
  db: mongo.Db,
  size: { readonly members: number; readonly events: number; readonly sends: number },
): Promise<FlatnessFigures> => {
  const owner = await registerUser(url, 'flatness', undefined);
  const [, serverName = ''] = /^@[^:]+:(.*)$/.exec(owner.userId) ?? [];
  const members = await accounts(url, db, serverName, size.members - 1);
  const small = await owner.createRoom({ preset: 'public_chat' });
  const many = await owner.createRoom({ preset: 'public_chat' });
  const long = await owner.createRoom({ preset: 'public_chat' });
  await inLanes(members.slice(0, 9), (member) => member.join(small));
  await inLanes(members.slice(0, 9), (member) => member.join(long));
  await inLanes(members, (member) => member.join(many));
  await owner.send(long, TEXT);
  await owner.send(long, TEXT);
  await fill(db, long, size.events);
  const rooms = [small, many, long];
  const taken: number[][] = [[], [], []];
  for (const [at, room] of rooms.entries()) await times(20, () => owner.send(room, `warm-up ${at}`));
  for (let n = 0; n < size.sends; n++)
    for (const [at, room] of rooms.entries())
      taken[at]?.push(...(await times(1, () => owner.send(room, TEXT))));
  const [ofSmall = 0, ofMany = 0, ofLong = 0] = taken.map((each) => percentile(each, 0.5));
  return { ...size, small: ofSmall, manyMembers: ofMany, manyEvents: ofLong };
};
