import {
  DeviceId,
  DeviceLists,
  OlmMachine,
  type OutgoingRequest as RustRequest,
  RequestType,
  UserId,
  type VerificationRequest,
} from '@matrix-org/matrix-sdk-crypto-wasm';

import type { SimServer } from '../../src/crypto/testing/sim-server.ts';

type Sendable = { readonly type: RequestType; readonly id?: string | undefined; readonly body: string };

const V3 = '/_matrix/client/v3';

/** A user of the Rust SDK on the simulated server: the foreign end of the verification tests. */
export class RustPeer {
  readonly userId: string;
  readonly deviceId: string;
  readonly machine: OlmMachine;
  readonly #server: SimServer;

  private constructor(server: SimServer, machine: OlmMachine, userId: string, deviceId: string) {
    this.#server = server;
    this.machine = machine;
    this.userId = userId;
    this.deviceId = deviceId;
  }

  /** A device without cross-signing keys. */
  static async device(server: SimServer, userId: string, deviceId: string): Promise<RustPeer> {
    server.addDevice(userId, deviceId);
    const machine = await OlmMachine.initialize(new UserId(userId), new DeviceId(deviceId));
    const peer = new RustPeer(server, machine, userId, deviceId);
    await peer.work();
    return peer;
  }

  static async start(server: SimServer, userId: string, deviceId: string): Promise<RustPeer> {
    const peer = await RustPeer.device(server, userId, deviceId);
    const bootstrap = await peer.machine.bootstrapCrossSigning(true);
    const { uploadSigningKeysRequest, uploadSignaturesRequest } = bootstrap;
    peer.#perform('POST', `${V3}/keys/device_signing/upload`, uploadSigningKeysRequest.body);
    await peer.send(uploadSignaturesRequest);
    await peer.work();
    return peer;
  }

  #perform(method: 'POST' | 'PUT', path: string, body: string): unknown {
    const request = { id: path, kind: 'toDevice' as const, method, path, body: JSON.parse(body) as unknown };
    return this.#server.perform(this.userId, this.deviceId, { ...request, auth: 'token' });
  }

  /** Performs one request of the machine. */
  async send(request: Sendable | RustRequest): Promise<void> {
    const { type, id, body } = request as Sendable & { event_type?: string; txn_id?: string };
    const { event_type: eventType = '', txn_id: transaction = '' } = request as {
      event_type?: string;
      txn_id?: string;
    };
    const paths: Partial<Record<RequestType, string>> = {
      [RequestType.KeysUpload]: `${V3}/keys/upload`,
      [RequestType.KeysQuery]: `${V3}/keys/query`,
      [RequestType.KeysClaim]: `${V3}/keys/claim`,
      [RequestType.SignatureUpload]: `${V3}/keys/signatures/upload`,
      [RequestType.ToDevice]: `${V3}/sendToDevice/${encodeURIComponent(eventType)}/${transaction}`,
    };
    const path = paths[type];
    if (path === undefined) return;
    const response = this.#perform(type === RequestType.ToDevice ? 'PUT' : 'POST', path, body);
    if (id !== undefined) await this.machine.markRequestAsSent(id, type, JSON.stringify(response));
  }

  async work(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      const requests = await this.machine.outgoingRequests();
      if (requests.length === 0) return;
      for (const request of requests) await this.send(request);
    }
  }

  async sync(): Promise<void> {
    const { toDevice, deviceLists, oneTimeKeysCount } = this.#server.sync(this.userId, this.deviceId);
    const users = (ids: string[]): UserId[] => ids.map((id) => new UserId(id));
    const changed = new DeviceLists(users(deviceLists.changed), users(deviceLists.left));
    const counts = new Map(Object.entries(oneTimeKeysCount));
    await this.machine.receiveSyncChanges(JSON.stringify(toDevice), changed, counts, new Set());
    await this.work();
  }

  /** Learns another user's devices. */
  async follow(userId: string): Promise<void> {
    await this.machine.updateTrackedUsers([new UserId(userId)]);
    await this.work();
  }

  async trusts(userId: string): Promise<boolean> {
    const identity = await this.machine.getIdentity(new UserId(userId));
    return identity?.isVerified() ?? false;
  }

  request(userId: string): VerificationRequest {
    const [request] = this.machine.getVerificationRequests(new UserId(userId));
    if (request === undefined) throw new Error('no verification request');
    return request;
  }
}
