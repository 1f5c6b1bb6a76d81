/**
 * Named bounds of the protocol and of every loop over remote data.
 * Sources are the Matrix specification's sections; where the spec is silent the comment says why the number.
 */

/** Largest PDU in bytes of canonical JSON (spec: Client-Server API, size limits). */
export const MAX_PDU_BYTES = 65_536;

/**
 * Longest text of a PDU with something unusual in it that is parsed at all, in UTF-16 units. Escaped into ASCII, as some
 * servers do, an event grows threefold.
 */
export const MAX_PDU_TEXT = 4 * MAX_PDU_BYTES;

/** Most members in all objects of a PDU together: none takes less than five bytes of canonical JSON, as in `"":0,`. */
export const MAX_PDU_MEMBERS = MAX_PDU_BYTES / 5;

/** Longest literal of a number that is looked at, in digits and signs. No event has room for a longer one. */
export const MAX_NUMBER_TEXT = 65_536;

/** Most bytes in a type, state key or identifier of an event (spec: Client-Server API, size limits). */
export const MAX_EVENT_FIELD_BYTES = 255;

/** Most entries in `prev_events` (spec: PDU schema of every room version). */
export const MAX_PREV_EVENTS = 20;

/** Most entries in `auth_events` (spec: PDU schema of every room version). */
export const MAX_AUTH_EVENTS = 10;

/** Largest depth, from room version 6 on: the largest integer of canonical JSON (spec: room version 6, Event format). */
export const MAX_DEPTH = Number.MAX_SAFE_INTEGER;

/** Most PDUs in one federation transaction (spec: Server-Server API, transactions). */
export const MAX_PDUS_PER_TRANSACTION = 50;

/** Most EDUs in one federation transaction (spec: Server-Server API, transactions). */
export const MAX_EDUS_PER_TRANSACTION = 100;

/**
 * Deepest nesting of arrays and objects in a body that we parse. The spec is silent. Python's parser, and so Synapse,
 * stops at about a thousand: what an honest server passes on must not spoil the transaction that it comes in.
 */
export const MAX_JSON_DEPTH = 1_024;

/** Deepest nesting in an event. The spec is silent; serde_json, which the servers in Rust use, stops at 128. */
export const MAX_EVENT_DEPTH = 128;

/** Most keys that one server's signatures on an event may use before we stop looking. The spec is silent; servers rotate seldom. */
export const MAX_SIGNATURES_PER_ENTITY = 16;

/** Most public keys and most signatures tried for one third-party invite. The spec is silent; identity servers publish one or two. */
export const MAX_THIRD_PARTY_INVITE_KEYS = 16;

/**
 * Most events that state resolution visits while it walks auth chains: a guard against cyclic or absurd graphs, far
 * above the largest public rooms' conflicts.
 */
export const MAX_STATE_RESOLUTION_EVENTS = 1_000_000;
