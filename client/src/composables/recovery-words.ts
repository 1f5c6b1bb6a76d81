/** How many words a recovery phrase has (e2ee.md section 1). */
export const wordTotal = 24;

/** Words as people type or paste them: numbers, commas, line breaks and capitals do not matter. */
export const parseWords = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[^a-z]+/u)
    .filter((word) => word !== '')
    .slice(0, wordTotal + 1);

/** Three different places to ask for, spread over the list so that half-written notes are noticed. */
export const placesToCheck = (random: () => number): number[] => {
  const third = wordTotal / 3;
  return [0, 1, 2].map((part) => part * third + Math.floor(random() * third));
};
