import { recordOf, stringOf } from '../events.ts';
import { limits } from '../limits.ts';
import type { Content } from '../types.ts';

export type MediaKind = 'image' | 'video' | 'audio' | 'voice' | 'file';

export type MediaBody = {
  kind: MediaKind;
  name: string;
  caption: string;
  /** mxc:// of a clear file; an encrypted one has `file`. */
  url: string | undefined;
  /** The engine's description of an encrypted file, opaque here. */
  file: Content | undefined;
  mimetype: string;
  size: number | undefined;
  /** Pixels, when both are sane: reserves the box before anything is loaded. */
  width: number | undefined;
  height: number | undefined;
  durationMs: number | undefined;
  blurhash: string | undefined;
  thumbnailUrl: string | undefined;
  thumbnailFile: Content | undefined;
  waveform: readonly number[];
};

export type Poll = {
  question: string;
  answers: { id: string; text: string }[];
  max: number;
  disclosed: boolean;
};

export type Body =
  | { kind: 'text' | 'emote' | 'notice'; text: string; html: string | undefined }
  | MediaBody
  | { kind: 'poll'; poll: Poll }
  /** Said in the room list only: in the timeline they change the poll. */
  | { kind: 'vote' | 'pollEnd' }
  | { kind: 'redacted' }
  | { kind: 'unknown'; type: string; text: string };

const positive = (value: unknown, max: number): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 && value <= max
    ? Math.round(value)
    : undefined;

const blurhashOf = (info: Content | undefined): string | undefined => {
  const hash = stringOf(info?.['xyz.amorgan.blurhash']) ?? stringOf(info?.blurhash);
  return hash !== undefined && hash.length >= 6 && hash.length <= 120 ? hash : undefined;
};

const mediaBody = (kind: MediaKind, content: Content): MediaBody => {
  const info = recordOf(content.info);
  const body = (stringOf(content.body) ?? '').slice(0, 1_000);
  const filename = stringOf(content.filename)?.slice(0, 255);
  const waveform = recordOf(content['org.matrix.msc1767.audio'])?.waveform;
  return {
    kind,
    name: filename ?? body.slice(0, 255),
    // A body that differs from the file name is a caption (client-server API, "Media captions").
    caption: filename !== undefined && filename !== body ? body : '',
    url: stringOf(content.url),
    file: recordOf(content.file),
    mimetype: (stringOf(info?.mimetype) ?? '').slice(0, 100),
    size: positive(info?.size, Number.MAX_SAFE_INTEGER),
    width: positive(info?.w, 100_000),
    height: positive(info?.h, 100_000),
    durationMs:
      positive(info?.duration, 86_400_000 * 7) ??
      positive(recordOf(content['org.matrix.msc1767.audio'])?.duration, 86_400_000 * 7),
    blurhash: blurhashOf(info),
    thumbnailUrl: stringOf(info?.thumbnail_url),
    thumbnailFile: recordOf(info?.thumbnail_file),
    waveform: Array.isArray(waveform)
      ? waveform.slice(0, 120).filter((one): one is number => typeof one === 'number')
      : [],
  };
};

/** Strips the quoted fall-back that older clients put before a reply. */
export const withoutReplyFallback = (text: string): string => {
  if (!text.startsWith('> ')) return text;
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('>'));
  return end === -1 ? text : lines.slice(end).join('\n').replace(/^\n+/, '');
};

const textBody = (kind: 'text' | 'emote' | 'notice', content: Content, isReply: boolean): Body => {
  const raw = (stringOf(content.body) ?? '').slice(0, limits.body);
  const html = content.format === 'org.matrix.custom.html' ? stringOf(content.formatted_body) : undefined;
  return {
    kind,
    text: isReply ? withoutReplyFallback(raw) : raw,
    html:
      html === undefined || html.length > limits.html
        ? undefined
        : html.replace(/<mx-reply>[\s\S]*<\/mx-reply>/i, ''),
  };
};

const pollText = (value: unknown): string => {
  const record = recordOf(value);
  const text = record?.['m.text'];
  const first: unknown = Array.isArray(text) ? recordOf(text[0])?.body : text;
  return (
    stringOf(first) ??
    stringOf(record?.['org.matrix.msc1767.text']) ??
    stringOf(record?.body) ??
    ''
  ).slice(0, 340);
};

/** A poll's question and answers, or undefined when it is malformed (MSC3381). */
export const pollOf = (content: Content): Poll | undefined => {
  const poll = recordOf(content['m.poll']) ?? recordOf(content['org.matrix.msc3381.poll.start']);
  const answers = poll?.answers;
  if (poll === undefined || !Array.isArray(answers)) return undefined;
  const list = answers.slice(0, 20).flatMap((one) => {
    const id = stringOf(recordOf(one)?.['m.id']) ?? stringOf(recordOf(one)?.id);
    return id === undefined ? [] : [{ id, text: pollText(one) }];
  });
  const max = poll.max_selections;
  if (list.length === 0) return undefined;
  return {
    question: pollText(poll.question),
    answers: list,
    max: typeof max === 'number' && max >= 1 ? Math.min(max, list.length) : 1,
    disclosed: String(poll.kind).endsWith('.disclosed'),
  };
};

/** What a message shows, from its clear type and content. Anything unknown or malformed becomes text, never an error. */
export const bodyOf = (type: string, content: Content, isReply: boolean): Body => {
  if (type === 'm.sticker') return mediaBody('image', content);
  if (type.endsWith('poll.start')) {
    const poll = pollOf(content);
    return poll === undefined ? { kind: 'unknown', type, text: pollText(content) } : { kind: 'poll', poll };
  }
  if (type.endsWith('poll.response')) return { kind: 'vote' };
  if (type.endsWith('poll.end')) return { kind: 'pollEnd' };
  if (type !== 'm.room.message') {
    return { kind: 'unknown', type, text: (stringOf(content.body) ?? '').slice(0, 500) };
  }
  switch (content.msgtype) {
    case 'm.emote':
      return textBody('emote', content, isReply);
    case 'm.notice':
      return textBody('notice', content, isReply);
    case 'm.image':
      return mediaBody('image', content);
    case 'm.video':
      return mediaBody('video', content);
    case 'm.audio':
      return mediaBody(content['org.matrix.msc3245.voice'] === undefined ? 'audio' : 'voice', content);
    case 'm.file':
      return mediaBody('file', content);
    default:
      return textBody('text', content, isReply);
  }
};

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' };

/** Text of formatted HTML: tags gone, blocks apart, spoilers covered. For showing as text only, never as HTML. */
const textOfHtml = (html: string): string =>
  html
    .replace(/<span[^>]*data-mx-spoiler[^>]*>[\s\S]*?<\/span>/gi, '▇▇▇')
    .replace(/<(?:br|\/p|\/li|\/h[1-6]|\/blockquote|\/pre|\/tr)\b[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(lt|gt|quot|#39|nbsp);/g, (whole, name: string) => entities[name] ?? whole)
    .replaceAll('&amp;', '&')
    .trim();

/** What a message says in plain text, without the marks it was written with; '' for what has no words. */
export const plainText = (body: Body): string => {
  if (body.kind === 'text' || body.kind === 'emote' || body.kind === 'notice') {
    return body.html === undefined ? body.text : textOfHtml(body.html);
  }
  if (body.kind === 'poll')
    return [body.poll.question, ...body.poll.answers.map((one) => one.text)].join('\n');
  return 'name' in body ? [body.name, body.caption].filter((part) => part !== '').join(' ') : '';
};

/** One line for the room list, a reply's quote or a notification; undefined for what needs the page's own words. */
export const previewText = (body: Body): string | undefined => {
  if (body.kind === 'text' || body.kind === 'emote' || body.kind === 'notice') {
    return plainText(body).replace(/\s+/g, ' ').trim().slice(0, 200);
  }
  if (body.kind === 'poll') return body.poll.question;
  if (body.kind === 'unknown') return body.text === '' ? undefined : body.text;
  return undefined;
};
