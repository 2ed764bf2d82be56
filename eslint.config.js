import tseslint from 'typescript-eslint';

/** The folders that the code of each folder must not import. */
const boundaries = {
  core: [
    'producers',
    'consumers',
    'operations',
    'simulator',
    'services',
    'commands',
    'dashboard',
    'mcp',
    'benchmarks',
    'test',
  ],
  producers: [
    'consumers',
    'operations',
    'simulator',
    'services',
    'commands',
    'dashboard',
    'mcp',
    'benchmarks',
    'test',
  ],
  consumers: [
    'producers',
    'operations',
    'simulator',
    'services',
    'commands',
    'dashboard',
    'mcp',
    'benchmarks',
    'test',
  ],
  operations: ['simulator', 'services', 'commands', 'dashboard', 'mcp', 'benchmarks', 'test'],
  simulator: [
    'producers',
    'consumers',
    'operations',
    'services',
    'commands',
    'dashboard',
    'mcp',
    'benchmarks',
    'test',
  ],
  services: [
    'producers',
    'consumers',
    'operations',
    'simulator',
    'commands',
    'dashboard',
    'mcp',
    'benchmarks',
    'test',
  ],
  commands: ['benchmarks', 'test'],
  'dashboard/server': ['simulator', 'services', 'commands', 'dashboard/pages', 'mcp', 'benchmarks', 'test'],
  mcp: ['simulator', 'services', 'commands', 'dashboard', 'benchmarks', 'test'],
  benchmarks: ['test'],
};

const keepApart = Object.entries(boundaries).map(([from, banned]) => ({
  files: [`${from}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${banned.join('|')})/`,
            message: `${from} must not import ${banned.join(', ')}`,
          },
        ],
      },
    ],
  },
}));

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'must be a named export, not a default export',
};

/** The browser's code must not import server code, or write a value as HTML. */
const pages = {
  files: ['dashboard/pages/**/*.ts', 'dashboard/pages/**/*.tsx'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex:
              '^(\\.\\./)+(core|producers|consumers|operations|services|commands|server|dashboard)/|^node:',
            message:
              'dashboard/pages may import only its own files, types of dashboard/api and packages for browsers',
          },
        ],
      },
    ],
    'no-restricted-syntax': [
      'error',
      noDefaultExport,
      {
        selector:
          ':matches(Identifier, JSXIdentifier, Literal)[name=/^(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|srcdoc|createContextualFragment)$/]',
        message: 'a value must never become HTML: render it as text',
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['node_modules/', '.data/', 'dist/'] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'describe'], package: 'node:test' }] },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-syntax': ['error', noDefaultExport],
      eqeqeq: 'error',
      'no-console': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  // Assertions in tests may print a value as [object Object].
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-base-to-string': 'off' } },
  ...keepApart,
  pages,
);
