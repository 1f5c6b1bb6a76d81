/** Longest word that is kept, in characters; what is longer is found by its beginning. */
const MAX_WORD = 32;
const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** Letters as they are compared: without case, marks and typographic variants. */
const fold = (text: string): string => text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();

/**
 * The words of a text in a form that can be compared, in order, at most `max` of them. Works for scripts without
 * spaces too, as far as the Unicode data know their words.
 */
export const wordsOf = (text: string, max: number): string[] => {
  const words: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text)) {
    if (isWordLike !== true) continue;
    for (const word of fold(segment).split(/[^\p{L}\p{N}]+/u)) {
      if (word !== '') words.push(word.slice(0, MAX_WORD));
      if (words.length >= max) return words;
    }
  }
  return words;
};
