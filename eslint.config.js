import js from '@eslint/js';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import vue from 'eslint-plugin-vue';
import vueParser from 'vue-eslint-parser';

/**
 * The house rules of STYLE.md that a rule can express. Clock, randomness, environment, console and the global
 * fetch are injected everywhere but in the entry points and adapters listed under "adapters" below.
 */
const injected = {
  'no-restricted-globals': [
    'error',
    { name: 'fetch', message: 'Inject the HTTP client.' },
    { name: 'console', message: 'Inject the logger.' },
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'Inject the clock.' },
    { object: 'performance', property: 'now', message: 'Inject the clock.' },
    { object: 'Math', property: 'random', message: 'Inject randomness.' },
    { object: 'crypto', property: 'randomUUID', message: 'Inject randomness.' },
    { object: 'crypto', property: 'getRandomValues', message: 'Inject randomness.' },
    { object: 'process', property: 'env', message: 'Configuration comes from @nyx/config.' },
  ],
  'no-restricted-imports': [
    'error',
    {
      paths: ['crypto', 'node:crypto'].map((name) => ({
        name,
        importNames: [
          'default',
          'generateKey',
          'generateKeyPair',
          'generateKeyPairSync',
          'generateKeySync',
          'getRandomValues',
          'randomBytes',
          'randomFill',
          'randomFillSync',
          'randomInt',
          'randomUUID',
          'webcrypto',
        ],
        message: 'Inject randomness.',
      })),
    },
  ],
};

/** Wherever TypeScript is written. */
const everywhere = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
  { selector: 'TSNonNullExpression', message: 'Look-ups return T | undefined: handle it.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels.' },
  { selector: 'ExportNamedDeclaration[source]', message: 'No barrels: import from where it is declared.' },
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
  { selector: 'Decorator', message: 'No decorators: wire by hand.' },
  { selector: 'MethodDefinition[kind="set"]', message: 'No late setters: give it to the constructor.' },
];

const clock = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Inject the clock.' },
  { selector: 'CallExpression[callee.name="Date"]', message: 'Inject the clock.' },
];

/** JSON from outside becomes a type by being parsed through a schema. */
const parsed = [
  {
    selector:
      'TSAsExpression:not([typeAnnotation.type="TSUnknownKeyword"]) > CallExpression[callee.object.name="JSON"][callee.property.name="parse"]',
    message: 'Parse, do not cast: a schema turns unknown into a type.',
  },
  {
    selector:
      'TSAsExpression:not([typeAnnotation.type="TSUnknownKeyword"]) > AwaitExpression > CallExpression[callee.property.name="json"]',
    message: 'Parse, do not cast: a schema turns unknown into a type.',
  },
];

const LOG_CALL = 'CallExpression[callee.property.name=/^(trace|debug|info|warn|error|fatal)$/]';

/** What the product's own code keeps to, and tests need not. */
const product = [
  ...everywhere,
  {
    selector: 'MethodDefinition[kind="constructor"] > FunctionExpression[params.length>6]',
    message: 'A seventh port means: split.',
  },
  {
    selector:
      'TSInterfaceDeclaration:not([extends.length>0]):not(:has(TSMethodSignature, TSFunctionType, TSCallSignatureDeclaration, TSConstructSignatureDeclaration))',
    message: 'Data is a type; an interface is for behaviour.',
  },
  ...['Identifier[name=/version$/i]', 'MemberExpression[property.name=/version$/i]'].map((operand) => ({
    selector: `BinaryExpression[operator=/^[!=]==?$/]:has(> Literal[value=/^[0-9]+$/]):has(> ${operand})`,
    message: 'What differs between room versions is a field of room-versions/rules.ts.',
  })),
  {
    selector: 'BinaryExpression[operator=/^[!=]==?$/] > CallExpression[callee.property.name="reveal"]',
    message: 'Compare secrets with timingSafeEqual.',
  },
  {
    selector: `${LOG_CALL} > ObjectExpression > Property[key.name=/^(content|body|token|accessToken|access_token|password|secret)$/]`,
    message: 'Logs carry ids, never content, keys or tokens.',
  },
  {
    selector: `${LOG_CALL} > ObjectExpression > Property[key.name="error"]`,
    message: 'Log an error as err: its serializer knows what may be written.',
  },
];

/** Mongoose is a driver here: what acts behind the reader's back is not used. */
const plainMongoose = [
  {
    selector: 'CallExpression[callee.property.name=/^(populate|virtual|pre|post)$/]',
    message: 'No hooks, virtuals or populate.',
  },
];

/** Tests wait for conditions. A pause between two looks at a condition is `expect.poll` or `vi.waitFor`. */
const noSleep = [
  {
    selector: 'ImportDeclaration[source.value="node:timers/promises"]',
    message: 'Tests do not sleep: wait for a condition.',
  },
  {
    selector: 'NewExpression[callee.name="Promise"] CallExpression[callee.name="setTimeout"]',
    message: 'Tests do not sleep: wait for a condition.',
  },
];

const KEBAB_CASE = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/;

const isFunctionOrClass = (declaration) =>
  declaration?.type === 'FunctionDeclaration' ||
  declaration?.type === 'ClassDeclaration' ||
  (declaration?.type === 'VariableDeclaration' &&
    declaration.declarations.some(({ init }) => init?.type.endsWith('FunctionExpression')));

/** Rules of the house that no plugin has. */
const house = {
  rules: {
    'kebab-case-file': {
      create: (context) => ({
        Program: (node) => {
          const name = context.filename.split(/[\\/]/).at(-1);
          if (!KEBAB_CASE.test(name)) context.report({ node, message: 'File names are kebab-case.' });
        },
      }),
    },
    docstring: {
      create: (context) => ({
        'Program > ExportNamedDeclaration': (node) => {
          if (!isFunctionOrClass(node.declaration)) return;
          const comments = context.sourceCode.getCommentsBefore(node);
          if (comments.some(({ type, value }) => type === 'Block' && value.startsWith('*'))) return;
          context.report({ node, message: 'What is public has a docstring.' });
        },
      }),
    },
  },
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      'client/dist-*/',
      '**/.cache/',
      '**/node_modules/',
      'data/',
      '**/test-results/',
      '**/vectors/',
      '**/fixtures/',
    ],
  },
  js.configs.recommended,
  { plugins: { house }, rules: { 'house/kebab-case-file': 'error' } },
  {
    files: ['**/*.ts', '**/*.vue'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        extraFileExtensions: ['.vue'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      ...injected,
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', ...product, ...clock, ...parsed],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { boolean: true, string: true } },
      ],
    },
  },
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: {
      parser: vueParser,
      parserOptions: { parser: tseslint.parser, projectService: true, extraFileExtensions: ['.vue'] },
      globals: globals.browser,
    },
    rules: {
      'no-undef': 'off',
      'vue/multi-word-component-names': 'off',
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/no-v-html': 'error',
      // Optional props are `T | undefined` in their types; a default of undefined says nothing more.
      'vue/require-default-prop': 'off',
      // Formatting is prettier's.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
    },
  },
  {
    // The client's components and composables are not a library: their props and names say what they are.
    files: [
      'config/src/**/*.ts',
      'federation/src/**/*.ts',
      'homeserver/src/**/*.ts',
      'plugins/*/src/**/*.ts',
    ],
    rules: { 'house/docstring': 'error' },
  },
  {
    // Rows and sealed records are this program's own, written from what was parsed.
    files: [
      'homeserver/src/storage/**/*.ts',
      'client/src/vault/**/*.ts',
      'client/src/crypto/group/epoch-record.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', ...product, ...clock, ...plainMongoose] },
  },
  {
    files: ['**/*.test.ts', '**/tests/**/*.ts', '**/bench/**/*.ts', '**/testing/**/*.ts', '**/scripts/**'],
    rules: {
      'house/docstring': 'off',
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...everywhere],
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // Runs in browsers too: nothing that only Node has.
    files: ['federation/src/{spec,json,room-versions}/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        ...injected['no-restricted-globals'],
        { name: 'Buffer', message: 'Browsers have none: use Uint8Array.' },
        { name: 'process', message: 'Browsers have none.' },
        { name: 'global', message: 'Browsers have none.' },
        { name: 'setImmediate', message: 'Browsers have none.' },
      ],
    },
  },
  {
    files: ['**/*.test.ts'],
    // An outage that lasts half a minute must last half a minute.
    ignores: ['homeserver/tests/resilience/outages.test.ts'],
    rules: { 'no-restricted-syntax': ['error', ...everywhere, ...noSleep] },
  },
  {
    // Entry points and adapters: the only places that touch the outside directly.
    files: [
      'homeserver/src/main.ts',
      'homeserver/src/cli/**/*.ts',
      'homeserver/src/demo/**/*.ts',
      'homeserver/src/adapters/**/*.ts',
      'homeserver/src/services/**/*.ts',
      'config/src/load.ts',
      'plugins/sdk/src/server/runner.ts',
      'client/src/main.ts',
      'client/src/adapters/**/*.ts',
      'client/src/workers/**/*.ts',
      'client/src/crypto/primitives/random.ts',
      'client/src/crypto/primitives/sodium.ts',
    ],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...product, ...parsed],
      'no-console': 'off',
    },
  },
  {
    // Build configuration must default-export.
    files: ['**/*.config.{js,ts}', '**/vite.config.ts', '.dependency-cruiser.js'],
    rules: { 'no-restricted-syntax': 'off', 'no-restricted-properties': 'off' },
  },
  {
    files: ['**/*.js'],
    languageOptions: { globals: globals.node },
  },
  {
    // The build fills in its own name and files.
    files: ['client/src/workers/service-worker.js'],
    languageOptions: {
      globals: { ...globals.serviceworker, __BUILD__: 'readonly', __FILES__: 'readonly' },
    },
  },
);
