import type { JsonObject } from '@nyx/federation/json/value.ts';
import { z } from 'zod';
import { requestDigest } from '../../domain/e2ee/request-digest.ts';
import type { RotationSignal } from '../../domain/e2ee/rotation/jobs.ts';
import {
  DEVICES_PER_DELIVERY,
  DEVICES_REMOVED_JOB,
  ROTATE,
  ROTATION_DELIVER_JOB,
  ROTATION_PLAN_JOB,
  signalKey,
} from '../../domain/e2ee/rotation/jobs.ts';
import type { DeviceInbox } from '../../ports/device-inbox.ts';
import type { JobQueue, JobRequest } from '../../ports/job-queue.ts';
import type { LocalDevices } from '../../ports/local-devices.ts';
import type { ToDeviceTransport } from '../../ports/to-device-transport.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

const RETRY = { attempts: 20, backoffMs: 500 };

const signalSchema = z.object({
  room: z.string(),
  after: z.string().nullable(),
  reason: z.enum(['leave', 'kick', 'ban', 'device_removed']),
  departed: z.string(),
  sender: z.string(),
  nonce: z.string(),
});

/** What rooms tell the fan-out. */
export interface RotationRooms {
  /** Users joined to the room now, and whether it is encrypted. */
  joinedMembers(room: string): Promise<Iterable<string>>;
  isEncrypted(room: string): Promise<boolean>;
  /** Rooms a user is joined to. */
  joinedRooms(userId: string): Promise<readonly string[]>;
  /** Event id of the newest departure. */
  newestDeparture(room: string): Promise<string | undefined>;
}

export type RotationDeps = {
  readonly rooms: RotationRooms;
  readonly devices: LocalDevices;
  readonly inbox: DeviceInbox;
  readonly transport: ToDeviceTransport;
  readonly queue: JobQueue;
  readonly serverName: string;
};

/** Users whose devices are looked up at once. */
const USERS_PER_PAGE = 1_000;

const serverOf = (userId: string): string => userId.slice(userId.indexOf(':') + 1);

const contentOf = ({ room, after, reason }: RotationSignal): JsonObject => ({ room, after, reason });

const chunks = function* <T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
};

/** Pages through the local members' devices and the other servers, and leaves a delivery for each batch. */
const planJob = ({ rooms, devices, queue, serverName }: RotationDeps): JobDefinition =>
  defineJob({
    name: ROTATION_PLAN_JOB,
    queue: 'keys',
    retry: RETRY,
    payload: signalSchema,
    run: async (signal) => {
      const local: string[] = [];
      const remote = new Map<string, string[]>();
      for (const member of await rooms.joinedMembers(signal.room)) {
        const server = serverOf(member);
        if (server === serverName) local.push(member);
        else remote.set(server, [...(remote.get(server) ?? []), member]);
      }
      const deliveries: JobRequest[] = [];
      for (const page of chunks(local, USERS_PER_PAGE)) {
        const ids = await devices.idsOf(page);
        const targets = [...ids].flatMap(([user, own]) => own.map((device) => [user, device] as const));
        for (const batch of chunks(targets, DEVICES_PER_DELIVERY))
          deliveries.push({ name: ROTATION_DELIVER_JOB, payload: { signal, devices: batch } });
      }
      // Each server signals its own users' devices by the event itself; the sender's server tells those that may not.
      if (serverOf(signal.sender) === serverName) {
        for (const [server, users] of remote)
          deliveries.push({ name: ROTATION_DELIVER_JOB, payload: { signal, server, users } });
      }
      await queue.enqueue(deliveries);
    },
  });

/** Puts the signal into inboxes, or on its way to one server. Doing so twice changes nothing. */
const deliverJob = ({ rooms, devices, inbox, transport }: RotationDeps): JobDefinition =>
  defineJob({
    name: ROTATION_DELIVER_JOB,
    queue: 'keys',
    retry: RETRY,
    payload: z.union([
      z.object({ signal: signalSchema, devices: z.array(z.tuple([z.string(), z.string()])) }),
      z.object({ signal: signalSchema, server: z.string(), users: z.array(z.string()) }),
    ]),
    run: async (payload) => {
      const { signal } = payload;
      const content = contentOf(signal);
      const key = requestDigest(signalKey(signal));
      // Who left since the plan was made is no longer told.
      const joined = new Set(await rooms.joinedMembers(signal.room));
      if ('devices' in payload) {
        const targets = payload.devices.filter(([userId]) => joined.has(userId));
        const present = await devices.idsOf([...new Set(targets.map(([userId]) => userId))]);
        await inbox.putOnce(
          targets.flatMap(([userId, deviceId]) =>
            present.get(userId)?.includes(deviceId) === true
              ? [{ to: { userId, deviceId }, sender: signal.sender, type: ROTATE, content, dedupeKey: key }]
              : [],
          ),
        );
        return;
      }
      // Parts are cut before they are thinned out, so that a part has the same name each time.
      for (const [part, users] of [...chunks(payload.users, DEVICES_PER_DELIVERY)].entries()) {
        const messages = Object.fromEntries(
          users.flatMap((user) => (joined.has(user) ? [[user, { '*': content }]] : [])),
        );
        if (Object.keys(messages).length === 0) continue;
        await transport.send(payload.server, {
          sender: signal.sender,
          type: ROTATE,
          message_id: `${key}.${part}`,
          messages,
        });
      }
    },
  });

/** A user's devices are gone: every encrypted room of the user changes keys. */
const devicesRemovedJob = ({ rooms, queue }: RotationDeps): JobDefinition =>
  defineJob({
    name: DEVICES_REMOVED_JOB,
    queue: 'keys',
    retry: RETRY,
    payload: z.object({ userId: z.string(), nonce: z.string() }),
    run: async ({ userId, nonce }) => {
      const plans: JobRequest[] = [];
      for (const room of await rooms.joinedRooms(userId)) {
        if (!(await rooms.isEncrypted(room))) continue;
        const signal: RotationSignal = {
          room,
          after: (await rooms.newestDeparture(room)) ?? null,
          reason: 'device_removed',
          departed: userId,
          sender: userId,
          nonce,
        };
        plans.push({ name: ROTATION_PLAN_JOB, payload: signal, key: `${room}\n${nonce}` });
      }
      await queue.enqueue(plans);
    },
  });

/** The jobs that fan a change of group keys out (design: departure -> outbox -> plan -> deliver). */
export const rotationJobs = (deps: RotationDeps): readonly JobDefinition[] => [
  planJob(deps),
  deliverJob(deps),
  devicesRemovedJob(deps),
];
