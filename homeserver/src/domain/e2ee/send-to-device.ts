import type { DeviceInbox, IncomingToDevice } from '../../ports/device-inbox.ts';
import type { LocalDevices } from '../../ports/local-devices.ts';
import type { ServedRequests } from '../../ports/served-requests.ts';
import type { DirectToDevice, ToDeviceTransport } from '../../ports/to-device-transport.ts';
import { DomainError } from '../errors.ts';
import { requestDigest } from './request-digest.ts';
import type { ScreenDeps } from './screen-to-device.ts';
import { screenToDevice } from './screen-to-device.ts';
import { splitByServer } from './split-by-server.ts';
import type { ToDeviceContents } from './to-device-contents.ts';

export type SendToDeviceDeps = {
  readonly inbox: DeviceInbox;
  readonly devices: LocalDevices;
  readonly transport: ToDeviceTransport;
  readonly served: ServedRequests;
  readonly screen: ScreenDeps;
  readonly serverName: string;
};

export type ToDeviceRequest = {
  readonly sender: string;
  readonly deviceId: string;
  readonly type: string;
  readonly txnId: string;
  readonly contents: ToDeviceContents;
};

/** Most devices addressed by one request, wildcards counted as written. */
const MAX_ADDRESSEES = 10_000;

/** Turns contents for local users into messages for each device; those of devices that do not exist are dropped. */
export const addressLocal = async (
  devices: LocalDevices,
  contents: ToDeviceContents,
  envelope: { readonly sender: string; readonly type: string; readonly dedupeKey: string },
): Promise<IncomingToDevice[]> => {
  const known = await devices.idsOf([...contents.keys()]);
  const messages: IncomingToDevice[] = [];
  for (const [userId, byDevice] of contents) {
    const own = known.get(userId) ?? [];
    for (const deviceId of own) {
      const content = byDevice.get(deviceId) ?? byDevice.get('*');
      if (content !== undefined) messages.push({ ...envelope, content, to: { userId, deviceId } });
    }
  }
  return messages;
};

/** Parts of a request for one server, small enough for one EDU. */
const MAX_DEVICES_PER_EDU = 100;

const edusFor = (
  { sender, type }: ToDeviceRequest,
  requestId: string,
  part: ToDeviceContents,
): DirectToDevice[] => {
  const addressed = [...part].flatMap(([user, byDevice]) =>
    [...byDevice].map(([device, content]) => ({ user, device, content })),
  );
  const edus: DirectToDevice[] = [];
  for (let start = 0; start < addressed.length; start += MAX_DEVICES_PER_EDU) {
    const slice = Map.groupBy(addressed.slice(start, start + MAX_DEVICES_PER_EDU), ({ user }) => user);
    const messages = Object.fromEntries(
      [...slice].map(([user, rows]) => [
        user,
        Object.fromEntries(rows.map(({ device, content }) => [device, content])),
      ]),
    );
    edus.push({ sender, type, message_id: `${requestId}.${start}`, messages });
  }
  return edus;
};

/**
 * Sends messages straight to devices (spec: Client-Server API, Send-to-device messaging), stored on their way before
 * this resolves. A repeat under the same transaction id sends nothing twice. Ids that
 * leave this server are digests of ours, which name the sending device.
 */
export const sendToDevice = async (
  { inbox, devices, transport, served, screen, serverName }: SendToDeviceDeps,
  request: ToDeviceRequest,
): Promise<void> => {
  const { sender, deviceId, txnId, type, contents } = request;
  const count = [...contents.values()].reduce((sum, byDevice) => sum + byDevice.size, 0);
  if (count > MAX_ADDRESSEES)
    throw new DomainError('invalid_param', `At most ${MAX_ADDRESSEES} devices at once`);
  const requestId = requestDigest([sender, deviceId, type, txnId].join('\n'));
  if (await served.was(requestId)) return;
  const carried = await screenToDevice(screen, request);
  await Promise.all(
    [...splitByServer(carried)].map(async ([server, part]) => {
      if (server === serverName) {
        await inbox.put(await addressLocal(devices, part, { sender, type, dedupeKey: requestId }));
        return;
      }
      for (const edu of edusFor(request, requestId, part)) await transport.send(server, edu);
    }),
  );
  await served.mark(requestId);
};
