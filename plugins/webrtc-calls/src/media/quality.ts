/** How well a call can be heard and seen. */
export type Quality = 'good' | 'fair' | 'poor';

/** Counts of one look at a connection's statistics. */
export type Sample = {
  readonly received: number;
  readonly lost: number;
  /** Round trip in seconds, where it is known. */
  readonly roundTrip: number | undefined;
};

const numberIn = (stat: Readonly<Record<string, unknown>>, key: string): number => {
  const value = stat[key];
  return typeof value === 'number' ? value : 0;
};

/** Adds up what `getStats` says. */
export const sampleOf = (stats: Iterable<Readonly<Record<string, unknown>>>): Sample => {
  let received = 0;
  let lost = 0;
  let roundTrip: number | undefined;
  for (const stat of stats) {
    if (stat.type === 'inbound-rtp') {
      received += numberIn(stat, 'packetsReceived');
      lost += Math.max(0, numberIn(stat, 'packetsLost'));
    } else if (stat.type === 'candidate-pair' && stat.nominated === true && stat.state === 'succeeded') {
      roundTrip = numberIn(stat, 'currentRoundTripTime');
    }
  }
  return { received, lost, roundTrip };
};

/** Compares two looks; undefined when nothing has come in between. */
export const qualityOf = (before: Sample, now: Sample): Quality | undefined => {
  const received = now.received - before.received;
  const lost = now.lost - before.lost;
  if (received + lost <= 0) return undefined;
  const share = Math.max(0, lost) / (received + lost);
  const roundTrip = now.roundTrip ?? 0;
  if (share > 0.08 || roundTrip > 0.8) return 'poor';
  return share > 0.02 || roundTrip > 0.3 ? 'fair' : 'good';
};
