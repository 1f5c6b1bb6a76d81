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
    { object: 'Math', property: 'random', message: 'Inject randomness.' },
    { object: 'process', property: 'env', message: 'Configuration comes from @nyx/config.' },
  ],
};

const restrictedSyntax = [
  'error',
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
  { selector: 'TSNonNullExpression', message: 'Look-ups return T | undefined: handle it.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels.' },
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
];

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/.cache/',
      '**/node_modules/',
      'data/',
      '**/test-results/',
      '**/vectors/',
      '**/fixtures/',
    ],
  },
  js.configs.recommended,
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
      'no-restricted-syntax': restrictedSyntax,
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
    // Build configuration must default-export; tests and benches may read clocks and print.
    files: ['**/*.config.{js,ts}', '**/vite.config.ts', '.dependency-cruiser.js'],
    rules: { 'no-restricted-syntax': 'off', 'no-restricted-properties': 'off' },
  },
  {
    files: ['**/*.test.ts', '**/tests/**/*.ts', '**/bench/**/*.ts', '**/testing/**/*.ts', '**/scripts/**'],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
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
    // Entry points and adapters: the only places that touch the outside directly.
    files: [
      'homeserver/src/main.ts',
      'homeserver/src/cli/**/*.ts',
      'homeserver/src/demo/**/*.ts',
      'homeserver/src/adapters/**/*.ts',
      'homeserver/src/services/**/*.ts',
      'config/src/load.ts',
      'client/src/main.ts',
      'client/src/adapters/**/*.ts',
      'client/src/workers/**/*.ts',
    ],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off', 'no-console': 'off' },
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
