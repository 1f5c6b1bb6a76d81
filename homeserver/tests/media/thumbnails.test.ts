import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const AUTHED = '/_matrix/client/v1/media';
const LEGACY = '/_matrix/media/v3';

let server: TestServer;
let alice: TestUser;
beforeAll(async () => {
  server = await createTestServer({ config: { media: { maxImagePixels: 1_000_000 } } });
  alice = await server.register('alice');
});
afterAll(() => server.close());

const picture = (width: number, height: number, color = '#c00') =>
  sharp({ create: { width, height, channels: 4, background: color } });

const upload = async (bytes: Uint8Array, type: string): Promise<string> => {
  const answer = await alice.request('POST', `${LEGACY}/upload`, {
    rawBody: bytes,
    headers: { 'content-type': type },
  });
  return String(answer.body.content_uri).slice('mxc://'.length);
};

const thumbnail = async (id: string, query: string, base = AUTHED) => {
  const response = await fetch(`${server.url}${base}/thumbnail/${id}?${query}`, {
    headers: base === AUTHED ? { authorization: `Bearer ${alice.token}` } : {},
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes };
};

const sizeOf = async (bytes: Buffer): Promise<[number, number]> => {
  const { width, height } = await sharp(bytes).metadata();
  return [width, height];
};

it('scales and crops to the next larger of the usual sizes, and never enlarges', async () => {
  const id = await upload(await picture(1_000, 500).jpeg().toBuffer(), 'image/jpeg');
  const cases: readonly (readonly [string, [number, number]])[] = [
    ['width=32&height=32&method=crop', [32, 32]],
    ['width=20&height=90&method=crop', [96, 96]],
    ['width=300&height=200&method=scale', [320, 160]],
    ['width=640&height=480', [640, 320]],
    ['width=5000&height=5000', [800, 400]],
  ];
  for (const [query, size] of cases) {
    const got = await thumbnail(id, query);
    expect([query, got.status, await sizeOf(got.bytes)]).toEqual([query, 200, size]);
    expect(got.headers.get('content-type')).toBe('image/jpeg');
    expect(got.headers.get('content-disposition')).toBe('inline; filename=thumbnail.jpeg');
  }
  const again = await Promise.all(
    [1, 2, 3].map(() => thumbnail(id, 'width=96&height=96&method=crop', LEGACY)),
  );
  expect(again.map(({ status }) => status)).toEqual([200, 200, 200]);
  const small = await upload(await picture(10, 20).png().toBuffer(), 'image/png');
  expect(await sizeOf((await thumbnail(small, 'width=64&height=64')).bytes)).toEqual([10, 20]);
});

it('keeps what can be seen through, turns photographs upright, and drops what they tell of their place', async () => {
  const clear = await upload(await picture(200, 200, '#00f8').png().toBuffer(), 'image/png');
  const png = await thumbnail(clear, 'width=32&height=32');
  expect(png.headers.get('content-type')).toBe('image/png');
  expect((await sharp(png.bytes).metadata()).hasAlpha).toBe(true);
  const photograph = await picture(600, 300)
    .withExif({ IFD0: { Copyright: 'somebody' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const upright = await thumbnail(await upload(photograph, 'image/jpeg'), 'width=320&height=240');
  expect(await sizeOf(upright.bytes)).toEqual([120, 240]);
  const { exif, orientation } = await sharp(upright.bytes).metadata();
  expect([exif, orientation]).toEqual([undefined, undefined]);
});

it('moves only when asked to', async () => {
  const frames = await Promise.all(
    ['#f00', '#0f0', '#00f'].map((color) => picture(64, 64, color).png().toBuffer()),
  );
  const gif = await sharp(frames, { join: { animated: true } })
    .gif({ delay: 100 })
    .toBuffer();
  const id = await upload(gif, 'image/gif');
  const still = await thumbnail(id, 'width=32&height=32');
  expect(still.headers.get('content-type')).toBe('image/png');
  const moving = await thumbnail(id, 'width=32&height=32&animated=true');
  expect(moving.headers.get('content-type')).toBe('image/webp');
  expect((await sharp(moving.bytes, { animated: true }).metadata()).pages).toBe(3);
});

describe('what gets no thumbnail', () => {
  it('refuses pictures with too many pixels, in one frame or in all', async () => {
    const large = await upload(await picture(1_200, 1_000).png().toBuffer(), 'image/png');
    const got = await thumbnail(large, 'width=32&height=32');
    expect([got.status, JSON.parse(got.bytes.toString())]).toEqual([
      413,
      expect.objectContaining({ errcode: 'M_TOO_LARGE' }),
    ]);
    const frame = await picture(700, 700).png().toBuffer();
    const other = await picture(700, 700, '#0c0').png().toBuffer();
    const third = await picture(700, 700, '#00c').png().toBuffer();
    const gif = await sharp([frame, other, third], { join: { animated: true } })
      .gif()
      .toBuffer();
    const id = await upload(gif, 'image/gif');
    expect((await thumbnail(id, 'width=32&height=32&animated=true')).status).toBe(413);
    expect((await thumbnail(id, 'width=32&height=32')).status).toBe(200);
  });

  it('refuses what is no picture by its content, whatever it says', async () => {
    const png = await picture(50, 50).png().toBuffer();
    const cases: readonly (readonly [string, Uint8Array, string])[] = [
      [
        'vectors',
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        'image/svg+xml',
      ],
      ['vectors that say PNG', Buffer.from('<svg width="9" height="9"/>'), 'image/png'],
      ['another format', await picture(50, 50).tiff().toBuffer(), 'image/tiff'],
      ['a picture cut short', png.subarray(0, 40), 'image/png'],
      ['nothing', Buffer.alloc(0), 'image/png'],
      ['text', Buffer.from('text'), 'text/plain'],
    ];
    for (const [what, bytes, type] of cases) {
      const id = await upload(bytes, type);
      for (const _time of [1, 2]) {
        const got = await thumbnail(id, 'width=32&height=32');
        expect([what, got.status]).toEqual([what, 400]);
      }
    }
    expect((await thumbnail(await upload(png, 'text/plain'), 'width=9&height=9')).status).toBe(400);
  });
});
