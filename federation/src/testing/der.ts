/** The few pieces of DER (X.690) that a certificate is made of. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? Buffer.from([body.length])
      : body.length < 0x100
        ? Buffer.from([0x81, body.length])
        : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

/** SEQUENCE */
export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
/** SET */
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
/** BOOLEAN true */
export const yes = (): Buffer => der(0x01, Buffer.from([0xff]));
/** INTEGER from a positive big-endian number */
export const integer = (bytes: Uint8Array): Buffer =>
  der(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0), bytes);
/** BIT STRING without unused bits */
export const bitString = (bytes: Uint8Array): Buffer => der(0x03, Buffer.from([0]), bytes);
/** OCTET STRING */
export const octetString = (bytes: Uint8Array): Buffer => der(0x04, bytes);
/** UTF8String */
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
/** GeneralizedTime */
export const time = (ms: number): Buffer =>
  der(
    0x18,
    Buffer.from(
      new Date(ms)
        .toISOString()
        .replace(/[-:T]/g, '')
        .replace(/\.\d+Z/, 'Z'),
    ),
  );

/** OBJECT IDENTIFIER from its dotted form */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((value) => {
    const groups = [value & 0x7f];
    for (let left = value >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]));
}
