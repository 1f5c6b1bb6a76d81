import type { Random } from '../primitives/random.ts';
import { generateXWing, xwingDecapsulate, xwingEncapsulate } from '../primitives/xwing.ts';
import { turnIfDue } from '../ratchet/ratchet.ts';
import type { Envelope } from './envelope.ts';
import { RATCHET_LABELS } from './labels.ts';
import type { RefreshState, Session } from './session.ts';

/**
 * The post-quantum refresh: every 50 messages or 7 days a fresh X-Wing secret is mixed into the root key. A cheap
 * cousin of Signal's post-quantum ratchet: it heals later, and sends whole keys instead of pieces.
 *
 * The session's initiator offers an X-Wing key in its frames until it is answered. The responder encapsulates when it
 * next turns the ratchet and repeats the ciphertext in every frame of that chain. Whichever of those frames arrives
 * first also turns the initiator's ratchet, so the initiator always has the secret when it makes its next turn, and
 * that turn mixes it in; the responder knows that the next turn it sees is a mixed one. No frame needs a flag, and
 * no order of arrival can make the two sides disagree.
 */

export const REFRESH_AFTER_MESSAGES = 50;
export const REFRESH_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

const completed = (refresh: RefreshState, now: number): RefreshState => ({
  since: now,
  messages: 0,
  completed: refresh.completed + 1,
  offer: undefined,
  peerOffer: undefined,
  answer: undefined,
});

const isDue = ({ role, hello, refresh, ratchet }: Session, now: number): boolean =>
  role === 'initiator' &&
  hello === undefined &&
  refresh.offer === undefined &&
  ratchet.mixOnSend === undefined &&
  (refresh.messages >= REFRESH_AFTER_MESSAGES || now - refresh.since >= REFRESH_AFTER_MS);

/** Before sending: makes our turn if it is due, with its part of the refresh, and an offer if that is due. */
export const prepareSend = (session: Session, now: number, random: Random): Session => {
  let { ratchet, refresh } = session;
  if (ratchet.sending === undefined) {
    const mixes = ratchet.mixOnSend !== undefined;
    ratchet = turnIfDue(ratchet, random, RATCHET_LABELS);
    if (mixes) refresh = completed(refresh, now);
    if (refresh.peerOffer !== undefined) {
      const { ciphertext, shared } = xwingEncapsulate(refresh.peerOffer, random);
      ratchet = { ...ratchet, mixOnReceive: shared };
      refresh = { ...refresh, peerOffer: undefined, answer: ciphertext };
    }
  }
  const prepared = { ...session, ratchet, refresh };
  if (!isDue(prepared, now)) return prepared;
  return { ...prepared, refresh: { ...refresh, offer: generateXWing(random) } };
};

export type Arrival = {
  readonly envelope: Envelope;
  /** The frame turned the ratchet. */
  readonly turned: boolean;
  /** The frame belongs to the peer's newest chain. */
  readonly newest: boolean;
  /** The turn mixed a KEM secret in. */
  readonly mixed: boolean;
};

/** After receiving: takes up the envelope's part of the refresh. `session` holds the ratchet after the frame. */
export const takeRefresh = (session: Session, arrival: Arrival, now: number): Session => {
  const { envelope, turned, newest, mixed } = arrival;
  let { ratchet, refresh } = session;
  if (mixed) refresh = completed(refresh, now);
  // An answer counts only in the frame that turns our ratchet: later ones repeat it, older ones are stale.
  if (turned && envelope.answer !== undefined && refresh.offer !== undefined) {
    const shared = xwingDecapsulate(refresh.offer.secret, envelope.answer);
    ratchet = { ...ratchet, mixOnSend: shared };
    refresh = { ...refresh, offer: undefined };
  }
  if (session.role === 'responder' && newest && envelope.offer !== undefined && refresh.answer === undefined)
    refresh = { ...refresh, peerOffer: envelope.offer };
  return { ...session, ratchet, refresh: { ...refresh, messages: refresh.messages + 1 } };
};
