/** `npm run check-plugin -- FOLDER`: says what is wrong with a plugin, and fails if anything is. */
import { resolve } from 'node:path';
import { checkFolder } from './plugins/check-folder.ts';

const [folder = '.'] = process.argv.slice(2);
const problems = checkFolder(resolve(folder));
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`${folder}: nothing to complain about`);
process.exitCode = problems.length === 0 ? 0 : 1;
