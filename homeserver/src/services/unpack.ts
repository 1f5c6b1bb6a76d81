/**
 * A program of its own: checks an archive's hash and unpacks one member. Run apart from the server, because what reading
 * hundreds of megabytes leaves in a process's memory stays there as long as the process does.
 *
 * Arguments: `zip` or `tgz`, archive, its SHA-256, member, target. What is wrong is the last line of standard error.
 */
import { extractFromTgz, extractFromZip, sha256OfFile } from './archive.ts';

const [format, archive = '', expected = '', member = '', target = ''] = process.argv.slice(2);
try {
  const hash = await sha256OfFile(archive);
  if (hash !== expected)
    throw new Error(`what came has SHA-256 ${hash}, not the pinned ${expected}: refused`);
  await (format === 'zip' ? extractFromZip : extractFromTgz)(archive, member, target);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
