import { JsonError } from '../json/errors.ts';
import { parseJsonObject, parsePlainJsonObject, parseSmallJson } from '../json/parse.ts';
import { splitArrayMember } from '../json/split.ts';
import { isJsonArray, isJsonObject, ownValue, type JsonObject, type JsonValue } from '../json/value.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import {
  MAX_EDUS_PER_TRANSACTION,
  MAX_PDU_BYTES,
  MAX_PDU_MEMBERS,
  MAX_PDU_TEXT,
  MAX_PDUS_PER_TRANSACTION,
} from '../spec/limits.ts';
import { transactionEnvelopeSchema } from '../spec/schemas/transactions.ts';
import { parseEdu, type Edu } from './edu.ts';

/** No event has room for more members, or for more numbers such as `1.5` with a comma each. */
const MOST = { members: MAX_PDU_MEMBERS, strangeNumbers: MAX_PDU_BYTES / 4 };

/** A PDU of a transaction: read without loss, or the error that made it unreadable. */
export type TransactionPdu =
  { readonly ok: true; readonly json: JsonObject } | { readonly ok: false; readonly error: JsonError };

/** The body of `PUT /_matrix/federation/v1/send/{txnId}` (spec: Server-Server API, Transactions). */
export type Transaction = {
  /** As the body says; it must equal the origin that the request's signature proves. */
  readonly origin: ServerName;
  readonly originServerTs: number;
  readonly pdus: readonly TransactionPdu[];
  /** Those that have the shape of an EDU. */
  readonly edus: readonly Edu[];
};

/** A body that is no transaction, and fails as a whole. */
export class TransactionError extends Error {
  override readonly name = 'TransactionError';
  readonly code: 'too_many_pdus' | 'too_many_edus' | 'malformed';

  constructor(code: TransactionError['code']) {
    super(`transaction: ${code.replaceAll('_', ' ')}`);
    this.code = code;
  }
}

/**
 * Reads a transaction's body. A PDU that cannot be read (a key twice, nesting too deep, a lone surrogate, numbers of
 * every kind and far too long) fails alone.
 * Throws {@link TransactionError}, or {@link JsonError} when the body is not JSON.
 */
export function parseTransaction(text: string): Transaction {
  try {
    return readTransaction(parsePlainJsonObject(text, MAX_PDU_MEMBERS), undefined);
  } catch (error) {
    if (!(error instanceof JsonError) || error.code === 'syntax') throw error;
    return parsePduByPdu(text);
  }
}

/**
 * The body of an outgoing transaction. Throws {@link TransactionError} beyond the limits: the sender splits its queue.
 *
 * @param originServerTs milliseconds since 1970
 */
export function buildTransaction(
  origin: ServerName,
  originServerTs: number,
  pdus: readonly JsonObject[],
  edus: readonly Edu[],
): JsonObject {
  if (pdus.length > MAX_PDUS_PER_TRANSACTION) throw new TransactionError('too_many_pdus');
  if (edus.length > MAX_EDUS_PER_TRANSACTION) throw new TransactionError('too_many_edus');
  return {
    edus: edus.map(({ type, content }) => ({ content, edu_type: type })),
    origin,
    origin_server_ts: originServerTs,
    pdus,
  };
}

/** The slow way, taken when something in the body is amiss or strange: finds out which PDU it is. */
function parsePduByPdu(text: string): Transaction {
  const split = splitArrayMember(text, 'pdus', MAX_PDUS_PER_TRANSACTION);
  if (split === 'too_many') throw new TransactionError('too_many_pdus');
  if (!split) return readTransaction(parseJsonObject(text), undefined);
  const pdus = split.items.map((item): TransactionPdu => {
    if (item.length > MAX_PDU_TEXT) return { ok: false, error: new JsonError('too_large') };
    try {
      const json = parseSmallJson(item, MOST);
      return isJsonObject(json) ? { ok: true, json } : { ok: false, error: new JsonError('syntax') };
    } catch (error) {
      if (error instanceof JsonError) return { ok: false, error };
      throw error;
    }
  });
  return readTransaction(parseJsonObject(split.rest), pdus);
}

function readTransaction(body: JsonObject, given: readonly TransactionPdu[] | undefined): Transaction {
  const envelope = transactionEnvelopeSchema.safeParse(body);
  if (!envelope.success) throw new TransactionError('malformed');
  const { origin, origin_server_ts: originServerTs } = envelope.data;
  const pdus = given ?? readList(ownValue(body, 'pdus')).map(asPdu);
  if (pdus.length > MAX_PDUS_PER_TRANSACTION) throw new TransactionError('too_many_pdus');
  const edus = readList(ownValue(body, 'edus'));
  if (edus.length > MAX_EDUS_PER_TRANSACTION) throw new TransactionError('too_many_edus');
  return { origin, originServerTs, pdus, edus: edus.map(parseEdu).filter((edu) => edu !== undefined) };
}

/** `pdus` is required by the specification and `edus` is not; servers leave out either when empty. */
function readList(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  if (!isJsonArray(value)) throw new TransactionError('malformed');
  return value;
}

function asPdu(value: JsonValue): TransactionPdu {
  return isJsonObject(value) ? { ok: true, json: value } : { ok: false, error: new JsonError('syntax') };
}
