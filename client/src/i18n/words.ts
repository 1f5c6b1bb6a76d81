/** The same keys as `T`, with any text: what every other language must provide. */
export type Words<T> = { readonly [K in keyof T]: T[K] extends string ? string : Words<T[K]> };
