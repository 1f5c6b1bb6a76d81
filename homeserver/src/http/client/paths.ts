/** The paths of an operation under the current prefix, and under the one that older clients use. */
export const clientPaths = (path: string): readonly string[] => [
  `/_matrix/client/v3${path}`,
  `/_matrix/client/r0${path}`,
];
