/** The namespace of every name of ours on the wire (e2ee.md, "NS"). */
export const NAMESPACE = 'chat.nyx';

/** Device algorithms in `device_keys.algorithms`. */
export const PAIRWISE_ALGORITHM = `${NAMESPACE}.x3dh-dr.v1`;
export const GROUP_ALGORITHM = `${NAMESPACE}.epoch.v1`;
/** Prekey algorithms: what stands before the ':' in a key id. */
export const OTPK_ALGORITHM = `${NAMESPACE}.otk.v1`;
export const SPK_ALGORITHM = `${NAMESPACE}.spk.v1`;
