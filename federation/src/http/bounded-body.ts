import { FederationError } from './errors.ts';

/**
 * Reads a body to its end.
 *
 * @param maxBytes more than this is an error, raised as soon as it is passed
 * @throws FederationError TOO_LARGE
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  destination: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by an exception destroys the stream, and with it the connection.
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new FederationError('TOO_LARGE', destination, `more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
