import { describe, expect, it } from 'vitest';
import { Seeded } from '../testing/seeded.ts';
import type { ConferenceEffect } from './conference.ts';
import { Conference, MAX_MEMBERS, USUAL_CONFERENCE_TIMES } from './conference.ts';

type Told = { readonly from: Node; readonly content: unknown; readonly at: number };

class Node {
  readonly inbox: Told[] = [];
  readonly pairs = new Set<string>();
  readonly conference: Conference;
  readonly deviceId: string;
  readonly userId: string;

  constructor(index: number) {
    this.userId = `@user${index % 5}:a`;
    this.deviceId = `D${index}`;
    this.conference = new Conference(this, USUAL_CONFERENCE_TIMES);
  }

  get members(): string {
    return this.conference
      .members()
      .map(({ deviceId }) => deviceId)
      .join(' ');
  }
}

class Room {
  now = 1_000_000;
  readonly nodes: Node[];

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, index) => new Node(index));
  }

  node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError('no such node');
    return node;
  }

  settle(node: Node): void {
    for (const effect of node.conference.drain()) this.#carryOut(node, effect);
  }

  deliver(node: Node): void {
    const told = node.inbox.shift();
    if (told === undefined) return;
    const { userId, deviceId } = told.from;
    node.conference.take(userId, deviceId, told.content, this.now - told.at, this.now);
    this.settle(node);
  }

  quiet(): void {
    for (let busy = true; busy;) {
      busy = false;
      for (const node of this.nodes) {
        this.settle(node);
        while (node.inbox.length > 0) {
          this.deliver(node);
          busy = true;
        }
      }
    }
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.quiet();
      const next = Math.min(...this.nodes.map(({ conference }) => conference.nextAt()));
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const node of this.nodes) node.conference.tick(this.now);
    }
    this.now = end;
  }

  #carryOut(node: Node, effect: ConferenceEffect): void {
    if (effect.kind === 'tell') {
      const content = { conf_id: 'room', action: effect.action, joined_at: effect.joinedAt };
      for (const other of this.nodes)
        if (other !== node) other.inbox.push({ from: node, content, at: this.now });
    } else if (effect.kind === 'connect') {
      const other = this.nodes.find(({ deviceId }) => deviceId === effect.member.deviceId);
      if (other?.conference.admits(node.userId, node.deviceId) !== true) {
        node.conference.pairEnded(effect.member.userId, effect.member.deviceId, this.now);
        return;
      }
      node.pairs.add(other.deviceId);
      other.pairs.add(node.deviceId);
    } else {
      for (const other of this.nodes) {
        if (!other.pairs.delete(node.deviceId)) continue;
        node.pairs.delete(other.deviceId);
        other.conference.pairEnded(node.userId, node.deviceId, this.now);
      }
    }
  }
}

describe('a group call', () => {
  it('connects every pair once, offered by the lower name', () => {
    const room = new Room(4);
    for (const node of room.nodes) {
      expect(node.conference.join(room.now)).toBe(true);
      room.quiet();
      room.now += 1;
    }
    room.quiet();
    for (const node of room.nodes) expect(node.pairs.size).toBe(3);
    expect(new Set(room.nodes.map(({ members }) => members)).size).toBe(1);
  });

  it('takes six and no more, also when seven join at once', () => {
    const room = new Room(7);
    for (const node of room.nodes.slice(0, 6)) {
      node.conference.join(room.now);
      room.quiet();
    }
    expect(room.node(6).conference.join(room.now)).toBe(false);
    const rush = new Room(7);
    for (const node of rush.nodes) node.conference.join(rush.now);
    rush.quiet();
    expect(rush.nodes.filter(({ conference }) => conference.joined)).toHaveLength(MAX_MEMBERS);
  });

  it('forgets who says nothing, and keeps who does', () => {
    const room = new Room(3);
    for (const node of room.nodes) node.conference.join(room.now);
    room.quiet();
    const gone = room.nodes.pop();
    room.pass(120_000);
    expect(room.node(0).members.split(' ')).not.toContain(gone?.deviceId);
    expect(room.node(0).members.split(' ')).toHaveLength(2);
  });

  it('tries a pair again that broke while both take part', () => {
    const room = new Room(2);
    for (const node of room.nodes) node.conference.join(room.now);
    room.quiet();
    const [one, two] = [room.node(0), room.node(1)];
    one.pairs.clear();
    two.pairs.clear();
    one.conference.pairEnded(two.userId, two.deviceId, room.now);
    two.conference.pairEnded(one.userId, one.deviceId, room.now);
    room.pass(4_000);
    expect([one.pairs.size, two.pairs.size]).toEqual([1, 1]);
  });

  it('takes no claim for another device, and no content that is none', () => {
    const room = new Room(1);
    const { conference, userId, deviceId } = room.node(0);
    conference.join(room.now);
    conference.take(userId, deviceId, { conf_id: 'room', action: 'leave', joined_at: 0 }, 0, room.now);
    conference.take('@b:b', 'B', { conf_id: 'room', action: 'dance', joined_at: 0 }, 0, room.now);
    conference.take('@b:b', 'B', { conf_id: 'room', action: 'join', joined_at: 0 }, 90_000, room.now);
    expect(room.node(0).members).toBe('D0');
  });

  it('ends in agreement whatever the order of joining, leaving and delivery', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const dice = new Seeded(seed);
      const room = new Room(2 + dice.below(7));
      for (let step = 0; step < 60; step++) {
        const node = dice.pick(room.nodes);
        const what = dice.below(8);
        if (what === 0) node.conference.join(room.now);
        else if (what === 1 && dice.chance(30)) node.conference.leave();
        else if (what === 2) room.now += dice.below(5_000);
        else room.deliver(node);
        room.settle(node);
      }
      room.pass(200_000);
      const inside = room.nodes.filter(({ conference }) => conference.joined);
      const names = inside.map(({ deviceId }) => deviceId).sort();
      expect(inside.length, `seed ${seed}`).toBeLessThanOrEqual(MAX_MEMBERS);
      for (const node of inside) {
        expect(node.members.split(' ').sort(), `seed ${seed}`).toEqual(names);
        expect([...node.pairs, node.deviceId].sort(), `seed ${seed}: ${node.deviceId}`).toEqual(names);
      }
    }
  });
});
