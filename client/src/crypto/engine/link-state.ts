/** The side of linking that the pairwise layer and the claims meet: which secret binds which session. */
import type { Linking } from '../identity/link-code.ts';
import type { PeerDevice } from '../pairwise/device.ts';
import { toBase64 } from '../primitives/base64.ts';
import { equalBytes, toHex } from '../primitives/bytes.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { Op } from './op.ts';
import type { LinkingState } from './protocol/flows.ts';
import { SECRETS, type SecretName } from './tables.ts';

export const LINK_SECRETS_TYPE = `${NAMESPACE}.link_secrets`;
export const HANDED_OVER: readonly SecretName[] = [
  'master',
  'self_signing',
  'user_signing',
  'storage',
  'backup',
];

/** Goes on to the next phase and tells the page. */
export const moveLink = (op: Op, linking: Linking, code?: string): LinkingState => {
  const ended = linking.phase === 'done' || linking.phase === 'failed';
  if (ended) {
    linking.secret.wipe();
    delete op.memory.linking;
  } else op.memory.linking = linking;
  const state: LinkingState = code === undefined ? { phase: linking.phase } : { phase: linking.phase, code };
  op.notices.push({ kind: 'linking', state });
  return state;
};

export const failLink = (op: Op, linking: Linking, code: string): LinkingState =>
  moveLink(op, { ...linking, phase: 'failed' }, code);

/** Old device: the secret that a session with this device has to be bound to. */
export function linkBinding(op: Op, peer: PeerDevice): Uint8Array | undefined {
  const { linking } = op.memory;
  if (linking?.role !== 'old' || linking.phase !== 'receiving') return undefined;
  const same = peer.userId === op.self.userId && equalBytes(peer.x25519, linking.device.x25519);
  return same ? linking.secret.expose() : undefined;
}

/** Old device: what goes over the bound session as its first message. */
export function linkSecrets(op: Op): {
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
} {
  const secrets: Record<string, string> = {};
  for (const name of HANDED_OVER) {
    const secret = op.tx.get(SECRETS, name);
    if (secret !== undefined) secrets[name] = toBase64(secret.expose());
    secret?.wipe();
  }
  return { type: LINK_SECRETS_TYPE, content: { secrets } };
}

/** Old device: the secrets are in the outbox, or there was no session to be had. */
export function linkHandedOver(op: Op, done: boolean): void {
  const { linking } = op.memory;
  if (linking?.role !== 'old') return;
  if (done) moveLink(op, { ...linking, phase: 'done' });
  else failLink(op, linking, 'NO_SESSION');
}

/** New device: the secret to try on handshakes of our own user's devices. */
export function linkSecretFor(op: Op, sender: string): Uint8Array | undefined {
  const { linking } = op.memory;
  if (linking?.role !== 'new' || sender !== op.self.userId || linking.phase !== 'showing') return undefined;
  return linking.secret.expose();
}

/** New device: this session's handshake was bound to our secret. */
export function noteBoundSession(op: Op, sid: Uint8Array): void {
  const { linking } = op.memory;
  if (linking?.role === 'new')
    op.memory.linking = { ...linking, bound: new Set([...linking.bound, toHex(sid)]) };
}
