/** Devices that call each other through a simulated server: deterministic, in a time of its own. */
import { Phone } from '../call/phone.ts';
import type { Call, Effect, Signal, Times } from '../call/state.ts';
import { USUAL_TIMES } from '../call/state.ts';

/** One event on its way. */
export type Sent = {
  readonly from: Device;
  readonly at: number;
  readonly roomId: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly to: { readonly userId: string; readonly deviceId: string } | undefined;
};

type Job = { readonly run: () => void; readonly name: string };

/** A device: its phone, what has not reached it yet, and what its browser is busy with. */
export class Device {
  readonly userId: string;
  readonly deviceId: string;
  readonly phone: Phone;
  readonly inbox: Sent[] = [];
  /** What the browser does, one after the other. */
  readonly jobs: Job[] = [];
  readonly warnings: string[] = [];
  readonly log: string[] = [];
  /** The description each call of this device has taken last, and the one it made last. */
  readonly taken = new Map<string, string>();
  readonly made = new Map<string, string>();
  /** Every description that was made: an older one is as good for who takes it late. */
  readonly everMade = new Set<string>();
  readonly relayed: boolean[] = [];
  readonly #world: World;

  constructor(world: World, userId: string, deviceId: string, times: Times, joins: boolean) {
    this.#world = world;
    this.userId = userId;
    this.deviceId = deviceId;
    this.phone = new Phone({
      self: { userId, deviceId, partyId: `party-${deviceId}` },
      times,
      newId: () => world.newId(),
      alwaysRelay: () => false,
      joins: () => joins,
    });
  }

  /** Carries out what the phone asked for. */
  settle(): void {
    for (const effect of this.phone.drain()) this.#carryOut(effect);
  }

  /** Takes what has come, all of it as one batch or only its beginning. */
  receive(count = this.inbox.length): void {
    const { now } = this.#world;
    const batch = this.inbox.splice(0, count).map((sent): Signal => ({
      ...{ roomId: sent.roomId, sender: sent.from.userId, deviceId: sent.from.deviceId },
      ...{ type: sent.type, content: sent.content, age: now - sent.at },
      via: sent.to === undefined ? 'room' : 'device',
    }));
    for (const signal of batch) this.log.push(`${now} < ${signal.deviceId} ${signal.type}`);
    this.phone.signals(batch, now);
    this.settle();
  }

  work(): void {
    this.jobs.shift()?.run();
    this.settle();
  }

  calls(): readonly Call[] {
    return this.phone.calls();
  }

  /** The one call that stands in a phase. */
  inPhase(phase: Call['phase']): Call | undefined {
    return this.calls().find((call) => call.phase === phase);
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.log.push(`${this.#world.now} > ${effect.type} ${effect.callId}`);
        this.#world.send({ ...effect, from: this, at: this.#world.now });
        return;
      case 'warn':
        this.warnings.push(effect.userId);
        return;
      case 'candidates':
        return;
      case 'close':
        this.#world.closed(this, effect.callId);
        return;
      default:
        this.jobs.push({ name: effect.kind, run: () => this.#media(effect) });
    }
  }

  #media(effect: Extract<Effect, { kind: 'offer' | 'answer' | 'accept' }>): void {
    const { callId } = effect;
    const { now } = this.#world;
    if (this.phone.call(callId)?.phase === 'ended') return;
    if (effect.kind === 'offer') this.relayed.push(effect.relayOnly);
    if (effect.kind !== 'offer') this.taken.set(callId, effect.sdp);
    if (effect.kind !== 'accept') {
      const sdp = `${effect.kind} ${callId} ${this.deviceId} ${this.#world.newId()}`;
      this.made.set(callId, sdp);
      this.everMade.add(sdp);
      this.phone.described(callId, effect.kind, sdp, {}, now);
      this.phone.found(callId, [{ candidate: `candidate:${this.deviceId}`, sdpMid: '0' }], now);
    } else {
      this.#world.connect(this, callId);
    }
  }
}

/** A server and its devices. Delivery is up to who drives it. */
export class World {
  now = 1_000_000;
  readonly devices: Device[] = [];
  readonly sent: Sent[] = [];
  readonly #ids: () => string;
  readonly #times: Times;

  constructor(ids: () => string, times: Times = USUAL_TIMES) {
    this.#ids = ids;
    this.#times = times;
  }

  add(userId: string, deviceId: string, joins = false): Device {
    const device = new Device(this, userId, deviceId, this.#times, joins);
    this.devices.push(device);
    return device;
  }

  newId(): string {
    return this.#ids();
  }

  send(sent: Sent): void {
    this.sent.push(sent);
    for (const device of this.devices) {
      const { to } = sent;
      if (to !== undefined && (to.userId !== device.userId || to.deviceId !== device.deviceId)) continue;
      if (to === undefined || device !== sent.from) device.inbox.push(sent);
    }
  }

  /** Media flows once each side has taken the other's description. */
  connect(device: Device, callId: string): void {
    const sdp = device.taken.get(callId);
    for (const other of this.devices) {
      if (other === device || sdp === undefined || !other.everMade.has(sdp)) continue;
      for (const side of [device, other])
        side.jobs.push({
          name: 'connected',
          run: () => side.phone.connection(callId, 'connected', this.now),
        });
    }
  }

  /** What the other side's browser notices when a connection is closed. */
  closed(device: Device, callId: string): void {
    for (const other of this.devices) {
      if (other === device || !other.made.has(callId)) continue;
      const lost = (): void => other.phone.connection(callId, 'disconnected', this.now);
      if (
        other.taken.get(callId) === device.made.get(callId) ||
        other.made.get(callId) === device.taken.get(callId)
      )
        other.jobs.push({ name: 'lost', run: lost });
    }
  }

  /** Delivers everything and lets every browser finish, until nothing is left to do at this time. */
  quiet(): void {
    for (let round = 0; round < 1_000; round++) {
      let busy = false;
      for (const device of this.devices) {
        device.settle();
        if (device.inbox.length > 0) device.receive();
        else if (device.jobs.length > 0) device.work();
        else continue;
        busy = true;
      }
      if (!busy) return;
    }
    throw new Error('the devices never come to rest');
  }

  /** Lets time pass, with everything that is due in between. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let step = 0; step < 10_000; step++) {
      this.quiet();
      const next = Math.min(...this.devices.map((device) => device.phone.nextAt()));
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const device of this.devices) device.phone.tick(this.now);
    }
    this.now = end;
    this.quiet();
  }
}
