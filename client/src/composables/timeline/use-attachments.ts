import { onScopeDispose, shallowRef } from 'vue';
import type { ShallowRef } from 'vue';
import { download } from '../../matrix/api/media.ts';
import type { MediaBody } from '../../matrix/timeline/body.ts';
import { stringOf } from '../../matrix/events.ts';
import type { EngineArgs } from '../../crypto/engine/protocol.ts';
import { useRuntime } from '../../stores/session.ts';
import type { AttachmentState, Attachments } from './context.ts';

type Held = { state: ShallowRef<AttachmentState>; abort: AbortController };

/** Types a page may show. What the sender claims is not believed: the bytes decide. */
const signatures: readonly { type: string; bytes: readonly (number | undefined)[] }[] = [
  { type: 'image/png', bytes: [0x89, 0x50, 0x4e, 0x47] },
  { type: 'image/jpeg', bytes: [0xff, 0xd8, 0xff] },
  { type: 'image/gif', bytes: [0x47, 0x49, 0x46, 0x38] },
  {
    type: 'image/webp',
    bytes: [0x52, 0x49, 0x46, 0x46, undefined, undefined, undefined, undefined, 0x57, 0x45, 0x42, 0x50],
  },
  { type: 'video/mp4', bytes: [undefined, undefined, undefined, undefined, 0x66, 0x74, 0x79, 0x70] },
  { type: 'video/webm', bytes: [0x1a, 0x45, 0xdf, 0xa3] },
  { type: 'audio/ogg', bytes: [0x4f, 0x67, 0x67, 0x53] },
  { type: 'audio/mpeg', bytes: [0x49, 0x44, 0x33] },
  { type: 'audio/mpeg', bytes: [0xff, 0xfb] },
  {
    type: 'audio/wav',
    bytes: [0x52, 0x49, 0x46, 0x46, undefined, undefined, undefined, undefined, 0x57, 0x41, 0x56, 0x45],
  },
  { type: 'audio/flac', bytes: [0x66, 0x4c, 0x61, 0x43] },
];

/** The media type the bytes have; anything unknown is only offered for saving. */
export const sniffType = (head: Uint8Array): string =>
  signatures.find(({ bytes }) => bytes.every((byte, index) => byte === undefined || head[index] === byte))
    ?.type ?? 'application/octet-stream';

const addressOf = (body: MediaBody, part: 'file' | 'thumbnail'): string | undefined =>
  part === 'file'
    ? (body.url ?? stringOf(body.file?.url))
    : (body.thumbnailUrl ?? stringOf(body.thumbnailFile?.url));

/** Fetches, decrypts and shows attachments of one room; everything is released when the room closes. */
export const useAttachments = (): Attachments => {
  const runtime = useRuntime();
  const held = new Map<string, Held>();
  const none = shallowRef<AttachmentState>({ kind: 'error' });

  const get = (mxc: string): Held => {
    const known = held.get(mxc);
    if (known !== undefined) return known;
    const made: Held = { state: shallowRef<AttachmentState>({ kind: 'idle' }), abort: new AbortController() };
    held.set(mxc, made);
    return made;
  };

  const fetchBytes = async (
    body: MediaBody,
    part: 'file' | 'thumbnail',
    mxc: string,
    one: Held,
  ): Promise<void> => {
    const answer = await download(runtime.api, mxc, { signal: one.abort.signal });
    if (!answer.ok) {
      one.state.value = answer.error.kind === 'aborted' ? { kind: 'idle' } : { kind: 'error' };
      return;
    }
    let data = new Uint8Array(await answer.value.arrayBuffer());
    const sealed = part === 'file' ? body.file : body.thumbnailFile;
    if (sealed !== undefined) {
      one.state.value = { kind: 'loading', progress: 0.9 };
      const file = sealed as EngineArgs<'decryptAttachment'>['file'];
      const opened = await runtime.engine.call('decryptAttachment', { data, file });
      data = new Uint8Array(opened.data);
    }
    const blob = new Blob([data], { type: sniffType(data) });
    one.state.value = { kind: 'ready', url: URL.createObjectURL(blob) };
  };

  const load = (body: MediaBody, part: 'file' | 'thumbnail'): void => {
    const mxc = addressOf(body, part);
    if (mxc === undefined) return;
    const one = get(mxc);
    if (one.state.value.kind === 'loading' || one.state.value.kind === 'ready') return;
    one.abort = new AbortController();
    one.state.value = { kind: 'loading', progress: 0 };
    fetchBytes(body, part, mxc, one).catch((error: unknown) => {
      runtime.platform.report(error);
      one.state.value = { kind: 'error' };
    });
  };

  onScopeDispose(() => {
    for (const one of held.values()) {
      one.abort.abort();
      if (one.state.value.kind === 'ready') URL.revokeObjectURL(one.state.value.url);
    }
  });

  return {
    state: (body, part) => {
      const mxc = addressOf(body, part);
      return mxc === undefined ? none : get(mxc).state;
    },
    load,
    cancel: (body) => {
      const mxc = addressOf(body, 'file');
      if (mxc !== undefined) get(mxc).abort.abort();
    },
  };
};
