import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** WCAG 2.2 relative luminance of `#rrggbb`. */
const luminance = (hex: string): number => {
  const channel = (from: number): number => {
    const value = Number.parseInt(hex.slice(from, from + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
};

const contrast = (a: string, b: string): number => {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (hi + 0.05) / (lo + 0.05);
};

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

const theme = (name: 'light' | 'dark'): Map<string, string> => {
  const start = css.indexOf(`:root[data-theme='${name}'] {`);
  const block = css.slice(start, css.indexOf('}', start));
  return new Map(
    [...block.matchAll(/--([a-z-]+[a-z]): (#[0-9a-f]{6});/g)].map((m) => [m[1] ?? '', m[2] ?? '']),
  );
};

const surfaces = ['bg', 'bg-side', 'bg-raised', 'bg-hover', 'bg-active', 'bg-sunken'];
const pairs: [string, string][] = [
  ...surfaces.flatMap((s): [string, string][] => [
    ['text', s],
    ['text-soft', s],
    ['accent-ink', s],
  ]),
  ['text-faint', 'bg'],
  ['text-faint', 'bg-side'],
  ['text-faint', 'bg-raised'],
  ['accent-text', 'accent'],
  ['accent-text', 'accent-hover'],
  ['accent-ink', 'accent-soft'],
  ['text', 'bubble'],
  ['text-soft', 'bubble'],
  ['bubble-own-text', 'bubble-own'],
  ['accent-ink', 'bubble'],
  ['good', 'good-soft'],
  ['good', 'bg'],
  ['warn', 'warn-soft'],
  ['bad', 'bad-soft'],
  ['bad', 'bg'],
  ['bad', 'bg-raised'],
  ['bad-text', 'bad'],
];

describe.each(['light', 'dark'] as const)('%s theme', (name) => {
  const colours = theme(name);
  const colour = (token: string): string => {
    const value = colours.get(token);
    if (value === undefined) throw new Error(`${name} lacks --${token}`);
    return value;
  };

  it.each(pairs)('%s on %s reads at 4.5:1 or better', (text, surface) => {
    expect(contrast(colour(text), colour(surface))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['line-strong', 'focus', 'accent'])('%s, a control edge, stands out at 3:1', (token) => {
    expect(contrast(colour(token), colour('bg'))).toBeGreaterThanOrEqual(3);
  });
});
