/** libsodium compiled to WebAssembly, without wrappers: an Emscripten module factory. It comes without types. */
declare module 'libsodium-sumo' {
  const createSodium: (options: { readonly getRandomValue: () => number }) => Promise<unknown>;
  export { createSodium as default };
}
