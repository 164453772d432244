import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const nondeterministicGlobals = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'crypto',
  'performance',
  'fetch',
  'console',
  'Intl',
].map((name) => ({ name, message: 'Protocols are pure: time, randomness and I/O arrive as inputs.' }));

const nondeterministicSyntax = [
  { selector: 'AwaitExpression', message: 'Protocols are synchronous.' },
  { selector: 'FunctionDeclaration[async=true]', message: 'Protocols are synchronous.' },
  { selector: 'ArrowFunctionExpression[async=true]', message: 'Protocols are synchronous.' },
  { selector: "CallExpression[callee.property.name='toLocaleString']", message: 'Locale-dependent.' },
  { selector: "CallExpression[callee.property.name='localeCompare']", message: 'Locale-dependent: compare bytes.' },
];

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', 'data/**', 'bench/results/**', 'src/web/**'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/protocols/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...nondeterministicGlobals],
      'no-restricted-syntax': ['error', ...nondeterministicSyntax],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Protocols are pure.' }],
    },
  },
  {
    // The client's generated classes only name shapes of JSON; nobody constructs them.
    files: ['src/runtime/containers/kubernetes/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', 'scripts/**/*'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', module: 'writable', URL: 'readonly' } },
  },
);
