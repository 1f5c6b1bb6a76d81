import type { MetPerson } from '@nyx/plugin-sdk/client/data.ts';
import type { AllowedSealedCall } from '@nyx/plugin-sdk/client/sealed-calls.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import { evaluateBlinded, listings, setListing } from '../matrix/api/discovery.ts';
import type { ApiError, Result } from '../matrix/api/result.ts';
import { engineErrorCode } from '../runtime/engine-error.ts';
import type { SessionRuntime } from '../runtime/session-runtime.ts';

type Session = Pick<SessionRuntime, 'engine' | 'api' | 'session'>;

type CodeText = { readonly title: string; readonly text: string };

/** What the page does for a plugin that asks. */
export type SealedPage = {
  readonly openUser: (userId: string) => Promise<void>;
  /** Shows a code until the person closes it. */
  readonly showCode: (text: CodeText, payload: Uint8Array) => Promise<void>;
  /** Undefined when the person scanned nothing. */
  readonly scanCode: (text: CodeText) => Promise<Uint8Array | undefined>;
};

const codes: Readonly<Record<string, string>> = {
  BAD_MESSAGE: 'invalid',
  VALUE_TOO_LARGE: 'invalid',
  IDENTITY_MISSING: 'not_ready',
  BAD_ATTACHMENT: 'damaged',
  BAD_QR: 'bad_code',
};

/** Does what a plugin asks about sealed profiles: the crypto worker has the keys, and nothing here answers with one. */
export const answerSealed = async (
  session: Session,
  page: SealedPage,
  allowed: AllowedSealedCall,
): Promise<unknown> => {
  try {
    return await perform(session, page, allowed);
  } catch (error) {
    const code = engineErrorCode(error);
    if (error instanceof RpcError || code === undefined) throw error;
    throw new RpcError(codes[code] ?? 'failed', code);
  }
};

const perform = async (
  session: Session,
  page: SealedPage,
  { call, params }: AllowedSealedCall,
): Promise<unknown> => {
  const { engine } = session;
  switch (call) {
    case 'status':
      return engine.call('profileStatus', {});
    case 'seal': {
      const { avatar, ...rest } = params;
      return (await engine.call('profileSeal', { ...rest, ...(avatar === undefined ? {} : { avatar }) }))
        .field;
    }
    case 'open':
      return engine.call('profileOpen', params);
    case 'share':
      return engine.call('profileShare', params);
    case 'rotate':
      return engine.call('profileRotate', params);
    case 'backup':
      return (await engine.call('profileBackup', {})).stored ?? null;
    case 'restore':
      return engine.call('profileRestore', params);
    case 'forget':
      return engine.call('profileForget', {});
    case 'sealPicture':
      return engine.call('profileSealAvatar', params);
    case 'openPicture':
      return engine.call('profileOpenAvatar', params);
    case 'showCode': {
      const { payload } = await engine.call('profileShowCode', {});
      const { title, description: text = '' } = params.text;
      await page.showCode({ title, text }, payload);
      return null;
    }
    case 'scanCode': {
      const { title, description: text = '' } = params.text;
      const payload = await page.scanCode({ title, text });
      return payload === undefined ? null : engine.call('profileScanCode', { payload });
    }
    case 'find':
      return (await find(session, params.userId)) ?? null;
    case 'list':
      return list(session, params.listed);
    case 'openPerson':
      await page.openUser(params.userId);
      return null;
  }
};

const value = <T>(result: Result<T>): T => {
  if (result.ok) return result.value;
  throw refused(result.error);
};

const refused = (error: ApiError): RpcError => {
  if (error.kind !== 'http') return new RpcError('network', error.kind);
  return new RpcError(error.status === 404 ? 'not_found' : 'refused', error.code);
};

const serverOf = (userId: string): string => userId.slice(userId.indexOf(':') + 1);

/** The blinded id goes out, the name of a row comes back, and a part of that name is asked for. */
const lookUp = async (
  { engine, api }: Session,
  userId: string,
): Promise<{ readonly handle: string; readonly id: string; readonly digits: number }> => {
  const { handle, element } = await engine.call('discoveryBlind', { userId });
  const { evaluated, digits } = value(await evaluateBlinded(api, serverOf(userId), element));
  const { id } = await engine.call('discoveryFinish', { handle, evaluated });
  return { handle, id, digits };
};

const find = async (session: Session, userId: string): Promise<MetPerson | undefined> => {
  const { handle, id, digits } = await lookUp(session, userId);
  const { rows } = value(await listings(session.api, serverOf(userId), id.slice(0, digits)));
  return (await session.engine.call('discoveryOpen', { handle, rows })).found;
};

const list = async (session: Session, listed: boolean): Promise<null> => {
  const { engine, api, session: own } = session;
  if (!listed) {
    value(await setListing(api, undefined));
    return null;
  }
  const { handle } = await lookUp(session, own.userId);
  value(await setListing(api, (await engine.call('discoverySeal', { handle })).card));
  return null;
};
