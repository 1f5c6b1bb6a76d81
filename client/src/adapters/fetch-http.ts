import { HttpFailure } from '../matrix/api/http.ts';
import type { HttpPort, HttpRequest, HttpResponse } from '../matrix/api/http.ts';

const failureOf = (signal: AbortSignal | undefined, timedOut: boolean, message: string): HttpFailure =>
  new HttpFailure(signal?.aborted === true ? 'aborted' : timedOut ? 'timeout' : 'network', message);

/** Uploads go through XMLHttpRequest: fetch does not say how much was sent. */
const sendWithProgress = (request: HttpRequest): Promise<HttpResponse> =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, request.url);
    xhr.responseType = 'blob';
    xhr.timeout = request.timeoutMs;
    for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      if (event.lengthComputable) request.onProgress?.(event.loaded / event.total);
    };
    xhr.onload = () =>
      resolve({
        status: xhr.status,
        header: (name) => xhr.getResponseHeader(name) ?? undefined,
        body: xhr.response instanceof Blob ? xhr.response : new Blob(),
      });
    xhr.onerror = () => reject(failureOf(request.signal, false, 'upload failed'));
    xhr.onabort = () => reject(failureOf(request.signal, false, 'upload stopped'));
    xhr.ontimeout = () => reject(failureOf(request.signal, true, 'upload timed out'));
    request.signal?.addEventListener('abort', () => xhr.abort(), { once: true });
    xhr.send(request.body);
  });

/** HTTP over the browser's own stack. Cookies are never sent: a token names the session. */
export const fetchHttp: HttpPort = {
  send: async (request) => {
    if (request.onProgress !== undefined) return sendWithProgress(request);
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers,
        signal,
        credentials: 'omit',
        cache: 'no-store',
        redirect: request.redirect ?? 'follow',
        referrerPolicy: 'no-referrer',
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        body: await response.blob(),
      };
    } catch (error) {
      throw failureOf(
        request.signal,
        timeout.aborted,
        error instanceof Error ? error.message : 'fetch failed',
      );
    }
  },
};
