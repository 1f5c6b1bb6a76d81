/**
 * Every setting must be read somewhere in the homeserver: one that nobody reads promises what it does not do. Uses the
 * compiler's types, so that a property of the same name elsewhere does not count. Prints what is wrong and fails.
 */
import { join, relative } from 'node:path';
import ts from 'typescript';
import { listSettings } from '../config/src/settings.ts';

const ROOT = join(import.meta.dirname, '..');
const SECTIONS = join(ROOT, 'config/src/sections');
const READERS = [join(ROOT, 'homeserver/src'), join(ROOT, 'config/src/derived.ts')];

/** Settings of parts that are being built, with who reads them when they are. An entry that is read must go. */
const NOT_YET: Readonly<Record<string, string>> = {};

const isIn = (folder: string, file: string): boolean => !relative(folder, file).startsWith('..');

const program = (): ts.Program => {
  const file = join(ROOT, 'homeserver/tsconfig.json');
  const { config } = ts.readConfigFile(file, ts.sys.readFile) as { config: unknown };
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, 'homeserver'));
  // The sources of other workspaces, not what was emitted for them: a reference leads to its declaration.
  return ts.createProgram(fileNames, { ...options, composite: false, incremental: false, noEmit: true });
};

/** Where a property is declared, as text that can be compared. */
const place = (declaration: ts.Declaration): string =>
  `${declaration.getSourceFile().fileName}:${declaration.getStart()}`;

/** Places of the declarations in the configuration's sections that some expression of the homeserver reads. */
const readPlaces = (compiled: ts.Program): ReadonlySet<string> => {
  const checker = compiled.getTypeChecker();
  const places = new Set<string>();
  const note = (symbol: ts.Symbol | undefined): void => {
    for (const declaration of symbol?.declarations ?? [])
      if (isIn(SECTIONS, declaration.getSourceFile().fileName)) places.add(place(declaration));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) note(checker.getSymbolAtLocation(node.name));
    if (ts.isBindingElement(node)) {
      const name = node.propertyName ?? node.name;
      if (ts.isIdentifier(name)) note(checker.getTypeAtLocation(node.parent).getProperty(name.text));
    }
    ts.forEachChild(node, visit);
  };
  for (const source of compiled.getSourceFiles())
    if (READERS.some((reader) => isIn(reader, source.fileName)) && !source.fileName.endsWith('.test.ts'))
      visit(source);
  return places;
};

/** Names of the rate limits that something is counted against: `limit: 'message'`, `consume('login', …)`. */
const usedLimits = (compiled: ts.Program): ReadonlySet<string> =>
  new Set(
    compiled
      .getSourceFiles()
      .filter(({ fileName }) => isIn(join(ROOT, 'homeserver/src'), fileName))
      .flatMap(({ text }) => text.match(/(?:\blimit(?::| =)|\bconsume\()[^;\n]*/g) ?? [])
      .flatMap((code) => [...code.matchAll(/'(\w+)'/g)])
      .map(([, name = '']) => name),
  );

/** The declaration of each setting, found by walking down the type `Config`. */
const declarations = (compiled: ts.Program): ReadonlyMap<string, readonly string[]> => {
  const checker = compiled.getTypeChecker();
  const source = compiled.getSourceFile(join(ROOT, 'config/src/schema.ts'));
  const alias = source?.statements.find(
    (statement): statement is ts.TypeAliasDeclaration =>
      ts.isTypeAliasDeclaration(statement) && statement.name.text === 'Config',
  );
  if (source === undefined || alias === undefined) throw new Error('config/src/schema.ts has no type Config');
  const result = new Map<string, readonly string[]>();
  for (const { path } of listSettings()) {
    let type: ts.Type = checker.getTypeAtLocation(alias.name);
    let symbol: ts.Symbol | undefined;
    for (const key of path) {
      symbol = checker.getNonNullableType(type).getProperty(key);
      if (symbol === undefined) throw new Error(`Config has no ${path.join('.')}`);
      type = checker.getTypeOfSymbolAtLocation(symbol, alias);
    }
    result.set(path.join('.'), (symbol?.declarations ?? []).map(place));
  }
  return result;
};

const compiled = program();
const read = readPlaces(compiled);
const limited = usedLimits(compiled);
const declared = declarations(compiled);
const isRead = (setting: string): boolean => {
  const [section, name = ''] = setting.split('.');
  // Limits are taken by their name at run time.
  if (section === 'rateLimits' && name !== 'enabled') return limited.has(name);
  return (declared.get(setting) ?? []).some((where) => read.has(where));
};
const problems = listSettings().flatMap(({ path, fileFor }) => {
  // A file's content becomes the setting that it is for: that one is read.
  if (fileFor !== undefined) return [];
  const setting = path.join('.');
  if (isRead(setting))
    return Object.hasOwn(NOT_YET, setting) ? [`${setting} is read now: take it off the list`] : [];
  return Object.hasOwn(NOT_YET, setting) ? [] : [`${setting} is read nowhere in the homeserver`];
});
const strangers = Object.keys(NOT_YET).filter((setting) => !declared.has(setting));
for (const line of [...problems, ...strangers.map((setting) => `${setting} is no setting`)])
  console.error(line);
console.log(`${declared.size} settings, ${Object.keys(NOT_YET).length} of parts that are being built`);
process.exitCode = problems.length + strangers.length === 0 ? 0 : 1;
