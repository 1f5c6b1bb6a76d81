/** One of eight avatar hues, the same for an id on every device. */
export const avatarHue = (id: string): number => {
  let hash = 0;
  for (const unit of id) hash = (hash * 31 + (unit.codePointAt(0) ?? 0)) >>> 0;
  return hash % 8;
};

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** First visible letter of a name, skipping Matrix sigils; '?' for a name of nothing. */
export const initialOf = (name: string): string => {
  const bare = name.replace(/^[@#!+\s\p{C}]+/u, '');
  const first = segmenter.segment(bare)[Symbol.iterator]().next();
  return first.done === true ? '?' : first.value.segment.toLocaleUpperCase();
};
