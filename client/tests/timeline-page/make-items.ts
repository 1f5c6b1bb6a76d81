import type { Body } from '../../src/matrix/timeline/body.ts';
import type { MessageItem, TimelineItem } from '../../src/matrix/timeline/items.ts';

/** mulberry32: the same rows for the same seed. */
const random = (seed: number): (() => number) => {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

const words =
  'the river keeps its own time and we walked beside it talking about trains bread letters winter music maps and who would bring the lamp tomorrow'.split(
    ' ',
  );

const sentence = (next: () => number, count: number): string =>
  Array.from({ length: count }, () => words[Math.floor(next() * words.length)] ?? '').join(' ');

const media = (kind: 'image' | 'video' | 'file' | 'voice', next: () => number): Body => ({
  kind,
  name: 'IMG_2041.jpg',
  caption: next() < 0.2 ? sentence(next, 6) : '',
  url: undefined,
  file: undefined,
  mimetype: 'image/jpeg',
  size: 120_000,
  width: 400 + Math.floor(next() * 3000),
  height: 300 + Math.floor(next() * 3000),
  durationMs: 9_000,
  blurhash: kind === 'image' ? 'LEHV6nWB2yk8pyo0adR*.7kCMdnj' : undefined,
  thumbnailUrl: undefined,
  thumbnailFile: undefined,
  waveform: [],
});

const bodyFor = (next: () => number): Body => {
  const roll = next();
  if (roll < 0.6) return { kind: 'text', text: sentence(next, 1 + Math.floor(next() * 24)), html: undefined };
  if (roll < 0.7)
    return { kind: 'text', text: sentence(next, 60 + Math.floor(next() * 120)), html: undefined };
  if (roll < 0.78) {
    const text = sentence(next, 12);
    return { kind: 'text', text, html: `<p><strong>${text}</strong></p><ul><li>one</li><li>two</li></ul>` };
  }
  if (roll < 0.81) {
    return {
      kind: 'text',
      text: 'code',
      html: '<pre><code>const a = 1;\nconst b = 2;\nreturn a + b;</code></pre>',
    };
  }
  if (roll < 0.9) return media('image', next);
  if (roll < 0.92) return media('video', next);
  if (roll < 0.94) return media('file', next);
  if (roll < 0.96) return media('voice', next);
  if (roll < 0.98) return { kind: 'redacted' };
  return { kind: 'text', text: '🎉', html: undefined };
};

/** Rows `from` (inclusive) to `to`, shaped like a real room: runs by person, days, notices, pictures, reactions. */
export const makeItems = (from: number, to: number, seed = 7): TimelineItem[] => {
  const items: TimelineItem[] = [];
  for (let n = from; n < to; n += 1) {
    const next = random(seed * 1_000_003 + n);
    const ts = 1_700_000_000_000 + n * 97_000;
    if (n % 140 === 0) items.push({ kind: 'day', key: `day:${n}`, ts });
    if (n % 41 === 40) {
      items.push({
        kind: 'notice',
        key: `$notice${n}`,
        eventId: `$notice${n}`,
        notice: {
          code: 'joined',
          params: { actor: `@p${n % 9}:example.org`, target: `@p${n % 9}:example.org` },
        },
        ts,
      });
      continue;
    }
    const run = Math.floor(n / 3);
    const message: MessageItem = {
      kind: 'message',
      key: `$e${n}`,
      eventId: `$e${n}`,
      txnId: undefined,
      sender: run % 3 === 0 ? '@me:example.org' : `@p${run % 9}:example.org`,
      own: run % 3 === 0,
      ts,
      head: n % 3 === 0,
      tail: n % 3 === 2,
      body: bodyFor(next),
      locked: next() < 0.02 ? { state: 'waiting', askSender: false } : undefined,
      replyTo: next() < 0.08 ? '$e1' : undefined,
      edited: next() < 0.05,
      reactions:
        next() < 0.12 ? [{ key: '👍', senders: ['@a:example.org', '@b:example.org'], own: undefined }] : [],
      thread: next() < 0.03 ? { count: 4, lastTs: ts } : undefined,
      echo: 'sent',
      error: undefined,
      warnings: [],
      mentionsMe: false,
      relationVersion: 0,
    };
    items.push(message);
  }
  return items;
};
