/**
 * Named bounds of the protocol and of every loop over remote data.
 * Sources are the Matrix specification's sections; where the spec is silent the comment says why the number.
 */

/** Largest PDU in bytes of canonical JSON (spec: Client-Server API, size limits). */
export const MAX_PDU_BYTES = 65_536;

/** Most PDUs in one federation transaction (spec: Server-Server API, transactions). */
export const MAX_PDUS_PER_TRANSACTION = 50;

/** Most EDUs in one federation transaction (spec: Server-Server API, transactions). */
export const MAX_EDUS_PER_TRANSACTION = 100;
