import { DomainError } from '../../domain/errors.ts';
import type { IncomingFile } from '../../domain/media/uploads.ts';
import type { IncomingRequest } from '../route.ts';

async function* bytesOf(request: IncomingRequest): AsyncGenerator<Uint8Array> {
  try {
    // Stopping early must not cut the connection: the answer that says why goes over it.
    for await (const chunk of request.stream.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch {
    throw new DomainError('request_timeout', 'The upload ended early');
  }
}

/** The file in the body of a request. A body that announces too many bytes is refused unread. */
export const uploadedFile = (
  request: IncomingRequest,
  fileName: string | undefined,
  maxBytes: number,
): IncomingFile => {
  const announced = Number(request.headers['content-length']);
  if (announced > maxBytes) {
    throw new DomainError('too_large', `The content is larger than ${maxBytes} bytes`);
  }
  return {
    bytes: bytesOf(request),
    contentType: request.headers['content-type'],
    fileName,
    ...(Number.isNaN(announced) ? {} : { announced }),
  };
};
