import { writeFileSync } from 'node:fs';
import { exampleYaml, referenceMarkdown } from '../src/document.ts';

const root = new URL('../../', import.meta.url);
writeFileSync(new URL('config/homeserver.example.yaml', root), exampleYaml());
writeFileSync(new URL('docs/configuration.md', root), referenceMarkdown());
