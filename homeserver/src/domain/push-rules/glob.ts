/**
 * Globs (spec: Appendices, Glob-style matching), whatever the case. Patterns come from users and texts from anybody, so
 * they are matched piece by piece from the left, which never backtracks over more than one piece; a regular expression
 * would take for ever over the wrong pair.
 */

/** Longest pattern that is looked at; longer ones match nothing. */
const MAX_PATTERN_LENGTH = 1_000;

const WILDCARD = /[*?]/;

/** The characters of a text without its case. */
const charactersOf = (text: string): string[] => Array.from(text.toLowerCase());

/** Stands for any one character; no character of a text is equal to it. */
const ANY = '';

/** Whether `piece` stands in `text` at `at`. */
const standsAt = (text: readonly string[], piece: readonly string[], at: number): boolean => {
  if (at < 0 || at + piece.length > text.length) return false;
  for (let index = 0; index < piece.length; index += 1) {
    const wanted = piece[index];
    if (wanted !== ANY && wanted !== text[at + index]) return false;
  }
  return true;
};

/** The first place at or after `from` where `piece` stands and `fits`; -1 when there is none. */
const find = (
  text: readonly string[],
  piece: readonly string[],
  from: number,
  fits: (at: number) => boolean,
): number => {
  for (let at = from; at + piece.length <= text.length; at += 1) {
    if (fits(at) && standsAt(text, piece, at)) return at;
  }
  return -1;
};

const anywhere = (): boolean => true;

/** Places the pieces between the stars one after the other, each as early as it goes. */
const matchPieces = (
  text: readonly string[],
  pieces: readonly (readonly string[])[],
  canBegin: (at: number) => boolean,
  canEnd: (at: number) => boolean,
): boolean => {
  const [first = [], ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) {
    return find(text, first, 0, (at) => canBegin(at) && canEnd(at + first.length)) !== -1;
  }
  const begin = find(text, first, 0, canBegin);
  if (begin === -1) return false;
  let at = begin + first.length;
  for (const piece of rest) {
    const place = find(text, piece, at, anywhere);
    if (place === -1) return false;
    at = place + piece.length;
  }
  return find(text, last, at, (place) => canEnd(place + last.length)) !== -1;
};

const piecesOf = (pattern: string): string[][] =>
  pattern
    .split(/\*+/)
    .map((piece) => charactersOf(piece).map((character) => (character === '?' ? ANY : character)));

/** Matches a whole text. */
export const wholeGlob = (pattern: string): ((text: string) => boolean) => {
  if (pattern.length > MAX_PATTERN_LENGTH) return () => false;
  if (!WILDCARD.test(pattern)) {
    const wanted = pattern.toLowerCase();
    return (text) => text === pattern || text.toLowerCase() === wanted;
  }
  const pieces = piecesOf(pattern);
  return (text) => {
    const characters = charactersOf(text);
    return matchPieces(
      characters,
      pieces,
      (at) => at === 0,
      (at) => at === characters.length,
    );
  };
};

const WORD_CHARACTER = /[A-Za-z0-9_]/;

const matchWords = (text: string, pieces: readonly (readonly string[])[]): boolean => {
  const characters = charactersOf(text);
  const isWord = (at: number): boolean => WORD_CHARACTER.test(characters[at] ?? ' ');
  return matchPieces(
    characters,
    pieces,
    (at) => !isWord(at - 1),
    (at) => !isWord(at),
  );
};

/** Matches any part of a text that begins and ends at a word boundary; words are of ASCII letters, digits and `_`. */
export const wordGlob = (pattern: string): ((text: string) => boolean) => {
  if (pattern.length > MAX_PATTERN_LENGTH || pattern === '') return () => false;
  const pieces = piecesOf(pattern);
  return (text) => matchWords(text, pieces);
};

/** Whether `words`, taken as they are, stand in `text` between word boundaries. */
export const containsWords = (text: string, words: string): boolean =>
  words !== '' && matchWords(text, [charactersOf(words)]);
