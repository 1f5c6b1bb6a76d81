import type { IncomingMessage } from 'node:http';
import { DomainError } from '../../domain/errors.ts';

const EMPTY = Buffer.alloc(0);

const tooLarge = (limit: number): DomainError =>
  new DomainError('too_large', `The request body is larger than ${limit} bytes`);

/**
 * The bytes of a request body, at most `limit` of them. Signatures cover bytes, so nothing is decoded here. A body
 * that announces too many bytes is refused unread.
 */
export const readBody = (request: IncomingMessage, limit: number): Promise<Buffer> => {
  const { headers } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    return Promise.resolve(EMPTY);
  }
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    return Promise.reject(new DomainError('not_json', 'Compressed request bodies are not supported'));
  }
  if (Number(headers['content-length']) > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else reject(tooLarge(limit));
    });
    request.once('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    request.once('error', reject);
    request.once('close', () => {
      // Every request closes; an error with its stack would be made for each.
      if (!request.readableEnded) reject(new DomainError('request_timeout', 'The request ended early'));
    });
  });
};
