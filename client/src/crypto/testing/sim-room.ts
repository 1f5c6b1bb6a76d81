import { SimClient, SimClock, settleAll, type SimOptions } from './sim-client.ts';
import { SimServer } from './sim-server.ts';

export const ROOM = '!room:one.test';

/** A server, a clock and whoever a test starts. */
export class SimWorld {
  readonly server = new SimServer();
  readonly clock = new SimClock();
  readonly clients: SimClient[] = [];

  async start(name: string, device = 'D', options: SimOptions = {}): Promise<SimClient> {
    const userId = `@${name}:${this.clients.length % 2 === 0 ? 'one' : 'two'}.test`;
    const client = await SimClient.start(this.server, this.clock, userId, device, options);
    this.clients.push(client);
    return client;
  }

  async startAll(...names: readonly string[]): Promise<SimClient[]> {
    const made: SimClient[] = [];
    for (const name of names) made.push(await this.start(name));
    return made;
  }

  /** A room in which these are signed members, the first its creator. */
  async room(...clients: readonly SimClient[]): Promise<void> {
    const [creator, ...others] = clients;
    if (creator === undefined) return;
    this.server.createRoom(ROOM, creator.userId);
    await creator.settle();
    for (const other of others) await this.admit(creator, other);
    await this.settle();
  }

  /** Invites and joins, signed on both sides. */
  async admit(by: SimClient, who: SimClient): Promise<void> {
    await by.invite(ROOM, who.userId);
    await who.settle();
    await who.join(ROOM);
  }

  async settle(): Promise<void> {
    await settleAll(...this.clients);
  }

  /** Lets simulated time pass in steps, with everybody at work in between. */
  async pass(ms: number, step = 500): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      await this.settle();
    }
  }
}
