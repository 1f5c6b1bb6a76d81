/** Port of the plain HTTP listener for both Matrix APIs and the web client, unless configured otherwise. */
export const DEFAULT_PORT = 8008;
