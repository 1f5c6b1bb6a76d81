import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import type { HttpMiddleware } from './state.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/**
 * The page runs our own scripts only. WebAssembly is the crypto's, blobs and data are decrypted media, and other
 * homeservers are reached over https because the user chooses one at login.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data: https:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self' https: wss: http://localhost:* ws://localhost:* http://127.0.0.1:* ws://127.0.0.1:*",
  "manifest-src 'self'",
  "frame-src 'self' blob:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const PAGE_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(self), microphone=(self), display-capture=(self), geolocation=()',
} as const;

/** Vite puts a content hash into the names of what is below this folder. */
const HASHED_FOLDER = '/assets/';
const ONE_YEAR = 'public, max-age=31536000, immutable';

type Found = { readonly file: string; readonly size: number; readonly etag: string };

const lookUp = async (root: string, path: string): Promise<Found | undefined> => {
  const file = normalize(join(root, path));
  if (!file.startsWith(root + sep)) return undefined;
  try {
    const status = await stat(file);
    if (!status.isFile()) return undefined;
    return { file, size: status.size, etag: `"${status.size.toString(36)}-${status.mtimeMs.toString(36)}"` };
  } catch {
    return undefined;
  }
};

const decoded = (path: string): string | undefined => {
  try {
    const result = decodeURIComponent(path);
    return result.includes('\0') ? undefined : result;
  } catch {
    return undefined;
  }
};

const isPage = (path: string): boolean => extname(path) === '' || path.endsWith('.html');
const isApi = (path: string): boolean => /^\/(?:_matrix|_synapse|_nyx|\.well-known)(?:\/|$)/.test(path);

/**
 * Serves the built web client in `root`. Paths without an extension are pages of the app, which routes in the browser.
 * Whoever asks before `ready` waits for it: the rest of the server need not wait until the client has been built.
 */
export const webClient = (root: string, ready: Promise<void> = Promise.resolve()): HttpMiddleware => {
  const base = normalize(root).replace(/[/\\]+$/, '');
  return async (context, next) => {
    const path = decoded(context.path);
    const isRead = context.method === 'GET' || context.method === 'HEAD';
    if (!isRead || path === undefined || isApi(path)) {
      await next();
      return;
    }
    await ready;
    const found = (await lookUp(base, path)) ?? (isPage(path) ? await lookUp(base, 'index.html') : undefined);
    if (found === undefined) {
      await next();
      return;
    }
    context.state.operation = 'webClient';
    context.set(PAGE_HEADERS);
    context.set('cache-control', path.startsWith(HASHED_FOLDER) ? ONE_YEAR : 'no-cache');
    context.set('etag', found.etag);
    context.status = 200;
    if (context.fresh) {
      context.status = 304;
      return;
    }
    context.type = CONTENT_TYPES[extname(found.file)] ?? 'application/octet-stream';
    context.length = found.size;
    if (context.method === 'GET') context.body = createReadStream(found.file);
  };
};
