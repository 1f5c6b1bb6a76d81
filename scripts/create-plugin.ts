/** `npm run create-plugin -- NAME`: a new server plugin in `plugins/NAME`, with a test. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serverTemplate } from './plugins/template.ts';

const [name = ''] = process.argv.slice(2);
const folder = join(import.meta.dirname, '../plugins', name);

if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
  console.error(
    'npm run create-plugin -- NAME: a name has lower-case letters, digits and hyphens, at most 40',
  );
  process.exitCode = 1;
} else if (existsSync(folder)) {
  console.error(`plugins/${name} exists already`);
  process.exitCode = 1;
} else {
  for (const [path, text] of Object.entries(serverTemplate(name))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  console.log(`plugins/${name} is ready. Next: npm test --prefix plugins/${name}`);
}
