import { describe, expect, it } from 'vitest';
import { boundaryOf, nameIn, readSentFile } from './multipart.ts';

const whole = (file: string): string =>
  `--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\ncontent-type:  text/plain \r\nContent-Disposition: inline\r\n\r\n${file}\r\n--b--\r\n`;

/** The text in pieces of `size` bytes, and whether the reader let go of it. */
const source = (text: string, size: number) => {
  const state = { released: false };
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    } finally {
      state.released = true;
    }
  }
  return { state, pieces: pieces() };
};

const read = async (text: string, size: number): Promise<string> => {
  const { bytes } = await readSentFile(source(text, size).pieces, 'b');
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

const FILES = ['', 'x', 'text', '\r\n--', '\r\n--a\r\n--\r\n\r\n', '--b', '\r\n-'.repeat(50)];

describe('a file between boundaries', () => {
  it('is the same however it is cut in pieces', async () => {
    for (const file of FILES)
      for (const size of [1, 2, 3, 7, 1_000])
        expect([size, await read(whole(file), size)]).toEqual([size, file]);
  });

  it('has its headers', async () => {
    const { headers, bytes } = await readSentFile(source(whole('x'), 5).pieces, 'b');
    expect(headers).toEqual({ 'content-type': 'text/plain', 'content-disposition': 'inline' });
    await bytes.return(undefined);
  });

  it('may have no headers at all', async () => {
    expect(await read('--b\r\n\r\n{}\r\n--b\r\n\r\nfile\r\n--b--', 4)).toBe('file');
  });

  it('is refused when it is cut short anywhere', async () => {
    const text = whole('a file');
    const end = text.lastIndexOf('\r\n--b') + '\r\n--b'.length;
    for (let length = 0; length < end; length += 1)
      await expect(read(text.slice(0, length), 9)).rejects.toMatchObject({ code: 'bad_gateway' });
    expect(await read(text.slice(0, end), 9)).toBe('a file');
  });

  it('is refused without a second part, and behind an endless head', async () => {
    await expect(read('--b\r\n\r\n{}\r\n--b--\r\n\r\nx\r\n--b--', 9)).rejects.toMatchObject({
      code: 'bad_gateway',
    });
    const { pieces, state } = source(`--b\r\nx: ${'y'.repeat(1_000_000)}`, 1_000);
    await expect(readSentFile(pieces, 'b')).rejects.toMatchObject({ code: 'bad_gateway' });
    expect(state.released).toBe(true);
  });

  it('lets go of the connection when the reader stops', async () => {
    const { pieces, state } = source(whole('x'.repeat(1_000)), 10);
    const { bytes } = await readSentFile(pieces, 'b');
    for await (const _chunk of bytes) break;
    expect(state.released).toBe(true);
  });
});

it('finds the boundary', () => {
  expect(boundaryOf('multipart/mixed; boundary=abc')).toBe('abc');
  expect(boundaryOf('Multipart/Mixed;charset=x; boundary="a b"')).toBe('a b');
  for (const bad of [
    undefined,
    '',
    'text/plain; boundary=x',
    'multipart/mixed',
    `multipart/mixed; boundary=${'x'.repeat(71)}`,
  ])
    expect([bad, boundaryOf(bad)]).toEqual([bad, undefined]);
});

it('finds the file name', () => {
  expect(nameIn('inline; filename=a.png')).toBe('a.png');
  expect(nameIn('inline; filename="a \\"b\\".png"')).toBe('a "b".png');
  expect(nameIn("attachment; filename=a; filename*=utf-8''%C3%A4")).toBe('ä');
  for (const none of [undefined, 'inline', "inline; filename*=utf-8''%ff"])
    expect(nameIn(none)).toBeUndefined();
});
