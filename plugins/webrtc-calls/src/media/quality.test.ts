import { expect, it } from 'vitest';
import { qualityOf, sampleOf } from './quality.ts';

it('says how a connection does by loss and delay since the last look', () => {
  const at = (packetsReceived: number, packetsLost: number, currentRoundTripTime: number) =>
    sampleOf([
      { type: 'inbound-rtp', packetsReceived, packetsLost },
      { type: 'outbound-rtp', packetsReceived: 9 },
      { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime },
      { type: 'candidate-pair', nominated: false, state: 'succeeded', currentRoundTripTime: 9 },
    ]);
  const first = at(100, 0, 0.02);
  expect(qualityOf(first, at(200, 0, 0.02))).toBe('good');
  expect(qualityOf(first, at(200, 4, 0.02))).toBe('fair');
  expect(qualityOf(first, at(200, 0, 0.5))).toBe('fair');
  expect(qualityOf(first, at(200, 20, 0.02))).toBe('poor');
  expect(qualityOf(first, at(100, 0, 0.02))).toBeUndefined();
  expect(sampleOf([{ type: 'inbound-rtp', packetsReceived: 'many' }]).received).toBe(0);
});
