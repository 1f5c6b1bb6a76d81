import { encode } from 'blurhash';
import type { SessionRuntime } from '../../runtime/session-runtime.ts';
import { upload, uploadLimit } from '../../matrix/api/media.ts';
import { fail, ok } from '../../matrix/api/result.ts';
import type { Result } from '../../matrix/api/result.ts';
import type { Content } from '../../matrix/types.ts';
import { sniffType } from '../timeline/use-attachments.ts';

type Picture = { width: number; height: number; blurhash: string; thumbnail: Blob | undefined };

const thumbnailSide = 800;
const thumbnailFrom = 400_000;
const hashSide = 32;

/** Draws a picture or frame to a canvas no larger than `side`. */
const draw = (source: CanvasImageSource, width: number, height: number, side: number): OffscreenCanvas => {
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(width * scale)),
    Math.max(1, Math.round(height * scale)),
  );
  canvas.getContext('2d')?.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
};

const hashOf = (source: CanvasImageSource, width: number, height: number): string => {
  const small = draw(source, width, height, hashSide);
  const data = small.getContext('2d')?.getImageData(0, 0, small.width, small.height);
  return data === undefined ? '' : encode(data.data, data.width, data.height, 4, 3);
};

/** Size, blurhash and a thumbnail of a picture; undefined when the browser cannot read it. */
const readPicture = async (file: Blob): Promise<Picture | undefined> => {
  try {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    const thumbnail =
      file.size > thumbnailFrom
        ? await draw(bitmap, width, height, thumbnailSide).convertToBlob({ type: 'image/webp', quality: 0.8 })
        : undefined;
    const blurhash = hashOf(bitmap, width, height);
    bitmap.close();
    return { width, height, blurhash, thumbnail };
  } catch {
    return undefined;
  }
};

/** Length and size of audio or video, from its metadata; whatever is not there stays out. */
const readMedia = (
  file: Blob,
  tag: 'video' | 'audio',
): Promise<{ w?: number; h?: number; duration?: number }> =>
  new Promise((resolve) => {
    const element = document.createElement(tag);
    const url = URL.createObjectURL(file);
    const done = (info: { w?: number; h?: number; duration?: number }): void => {
      URL.revokeObjectURL(url);
      resolve(info);
    };
    element.preload = 'metadata';
    element.onerror = () => done({});
    element.onloadedmetadata = () =>
      done({
        ...(Number.isFinite(element.duration) ? { duration: Math.round(element.duration * 1000) } : {}),
        ...(element instanceof HTMLVideoElement ? { w: element.videoWidth, h: element.videoHeight } : {}),
      });
    element.src = url;
  });

export type FileJob = {
  file: File;
  caption: string;
  encrypted: boolean;
  voice?: { durationMs: number; waveform: number[] };
  relation: Content;
  signal: AbortSignal;
  onProgress: (fraction: number) => void;
};

const put = async (
  runtime: SessionRuntime,
  blob: Blob,
  job: Pick<FileJob, 'encrypted' | 'signal'>,
  name: string,
  onProgress: (fraction: number) => void,
): Promise<Result<Content>> => {
  if (!job.encrypted) {
    const sent = await upload(runtime.api, blob, { filename: name, signal: job.signal, onProgress });
    return sent.ok ? ok({ url: sent.value }) : sent;
  }
  const data = new Uint8Array(await blob.arrayBuffer());
  const sealed = await runtime.engine.call('encryptAttachment', { data });
  const bytes = new Uint8Array(sealed.data);
  const sent = await upload(runtime.api, new Blob([bytes], { type: 'application/octet-stream' }), {
    signal: job.signal,
    onProgress,
  });
  return sent.ok ? ok({ file: { ...sealed.file, url: sent.value } }) : sent;
};

const kindOf = (type: string): 'm.image' | 'm.video' | 'm.audio' | 'm.file' => {
  if (type.startsWith('image/')) return 'm.image';
  if (type.startsWith('video/')) return 'm.video';
  return type.startsWith('audio/') ? 'm.audio' : 'm.file';
};

/**
 * Uploads a file, sealed where the room is encrypted, and answers the message content that shows it. Name, size,
 * type and thumbnail are inside that content, so in an encrypted room the server learns the padded length alone.
 */
export const fileContent = async (runtime: SessionRuntime, job: FileJob): Promise<Result<Content>> => {
  const { file } = job;
  const limit = await uploadLimit(runtime.api);
  if (limit !== undefined && file.size > limit) {
    return fail({ kind: 'shape', code: 'M_TOO_LARGE', message: String(limit) });
  }
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const sniffed = sniffType(head);
  // A voice recording is webm, which is video to the bytes alone.
  const type =
    job.voice !== undefined ? file.type : sniffed === 'application/octet-stream' ? sniffed : sniffed;
  const msgtype = job.voice !== undefined ? 'm.audio' : kindOf(type);
  const info: Record<string, unknown> = { mimetype: type, size: file.size };
  let thumbnail: Blob | undefined;
  if (msgtype === 'm.image') {
    const picture = await readPicture(file);
    if (picture !== undefined) {
      Object.assign(info, { w: picture.width, h: picture.height, 'xyz.amorgan.blurhash': picture.blurhash });
      thumbnail = picture.thumbnail;
    }
  } else if (msgtype === 'm.video' || msgtype === 'm.audio') {
    Object.assign(info, await readMedia(file, msgtype === 'm.video' ? 'video' : 'audio'));
  }
  if (thumbnail !== undefined) {
    const sent = await put(runtime, thumbnail, job, 'thumbnail.webp', () => undefined);
    if (!sent.ok) return sent;
    info.thumbnail_info = { mimetype: 'image/webp', size: thumbnail.size };
    if (sent.value.url === undefined) info.thumbnail_file = sent.value.file;
    else info.thumbnail_url = sent.value.url;
  }
  const sent = await put(runtime, file, job, file.name, job.onProgress);
  if (!sent.ok) return sent;
  const voice =
    job.voice === undefined
      ? {}
      : {
          'org.matrix.msc3245.voice': {},
          'org.matrix.msc1767.audio': { duration: job.voice.durationMs, waveform: job.voice.waveform },
        };
  return ok({
    msgtype,
    body: job.caption === '' ? file.name : job.caption,
    filename: file.name,
    info: job.voice === undefined ? info : { ...info, duration: job.voice.durationMs },
    ...sent.value,
    ...voice,
    'm.mentions': {},
    ...job.relation,
  });
};
