import { expect, it } from 'vitest';
import { wordsOf } from './words.ts';

it.each([
  ['Hello, World!', ['hello', 'world']],
  ['Ｆｕｌｌ width, ﬁne Ångström', ['full', 'width', 'fine', 'angstrom']],
  ["it's 3.14 foo_bar", ['it', 's', '3', '14', 'foo', 'bar']],
  ['我爱北京', ['我', '爱', '北京']],
  ['Привет мир', ['привет', 'мир']],
  ['🎉 !!! ', []],
  ['', []],
])('finds the words of %s', (text, words) => {
  expect(wordsOf(text, 100)).toEqual(words);
});

it('finds no more words than asked for, and no endless ones', () => {
  expect(wordsOf('a b c d', 2)).toEqual(['a', 'b']);
  expect(wordsOf('x'.repeat(100_000), 5)).toEqual(['x'.repeat(32)]);
});
