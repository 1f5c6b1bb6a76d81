declare const brand: unique symbol;

/** A (type, state key) pair packed into one string, to be the key of a Map. Opaque: unpack with {@link splitStateKey}. */
export type StateKey = string & { readonly [brand]: 'StateKey' };

/** A room's state: the id, or whatever else stands for an event, by type and state key. */
export type StateMap<Value> = ReadonlyMap<StateKey, Value>;

const SEPARATOR = '\0';
/** Marks the long form, for types that are empty or hold the separator themselves: a peer may send such. */
const LONG_FORM = /^\0(\d+):/;

/** Packs a type and a state key. Different pairs give different strings, whatever characters they hold. */
export function stateKeyOf(type: string, stateKey: string): StateKey {
  const plain = type !== '' && !type.includes(SEPARATOR);
  const packed = plain ? type + SEPARATOR + stateKey : `${SEPARATOR}${type.length}:${type}${stateKey}`;
  return packed as StateKey;
}

/** The type and state key that {@link stateKeyOf} packed. */
export function splitStateKey(key: StateKey): { readonly type: string; readonly stateKey: string } {
  const long = LONG_FORM.exec(key);
  if (long) {
    const start = long[0].length;
    const length = Number(long[1]);
    return { type: key.slice(start, start + length), stateKey: key.slice(start + length) };
  }
  const cut = key.indexOf(SEPARATOR);
  return { type: key.slice(0, cut), stateKey: key.slice(cut + 1) };
}
