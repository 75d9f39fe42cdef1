import { fileURLToPath } from 'node:url'
import js from '@eslint/js'
import svelte from 'eslint-plugin-svelte'
import globals from 'globals'
import ts from 'typescript-eslint'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The longest file and function of the source; blank lines and comments count. */
const MOST_LINES = 300
const MOST_FUNCTION_LINES = 60

/** What ECMAScript calls implementation-approximated. */
const ENGINES_OWN = 'a?(sin|cos|tan)h?|atan2|cbrt|exp|expm1|hypot|log|log10|log1p|log2|pow'

/** What reaches everything: no component but the root of the page may have it. */
const WHOLE_PAGE = ['state/page/app.svelte', 'state/page/services']

/** Imports point down only; each folder names the folders it must not reach. */
const forbid = (...folders) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: folders.map((folder) => ({
        // `core/contracts/workers.ts` describes the workers' APIs and is no worker.
        // A library's own runtime is none of ours.
        group: folder === 'workers' ? ['**/workers/*'] : [`**/${folder}`, `**/${folder}/**`, '!wuchale/runtime'],
        message: WHOLE_PAGE.includes(folder)
          ? 'A component receives what it draws: view models, values and callbacks, from ui/page/App.svelte.'
          : `Imports point down only (ui → state → evaluation → core; workers → runtime → core): not to ${folder}.`,
      })),
    },
  ],
})

export default ts.config(
  { ignores: ['**/dist/**', '**/public/**', '**/node_modules/**', 'models/**', '**/test-results/**'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['vite.config.ts'] }, tsconfigRootDir: root },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: ts.parser } },
  },
  { files: ['.config/**', '**/*.mjs'], languageOptions: { globals: globals.node } },
  {
    files: ['src/core/**'],
    rules: forbid('runtime', 'evaluation', 'state', 'ui', 'cli', 'workers', 'wiring', 'svelte', 'onnxruntime-web'),
  },
  // Scores, samples and training are the same bits in every engine: ECMAScript leaves the last digits of these open.
  {
    files: ['src/core/**', 'src/evaluation/**', 'src/runtime/**'],
    ignores: ['src/core/exact.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: `MemberExpression[object.name='Math'][property.name=/^(${ENGINES_OWN})$/]`,
          message: 'Engines differ in its last digits: take it from core/exact.ts.',
        },
        {
          selector: "BinaryExpression[operator='**']:not([right.value=2]):not([left.value=2])",
          message: 'Engines differ in its last digits: multiply out, or take wholePower from core/exact.ts.',
        },
      ],
    },
  },
  { files: ['src/runtime/**'], rules: forbid('evaluation', 'state', 'ui', 'cli', 'workers', 'wiring', 'svelte') },
  {
    files: ['src/evaluation/**'],
    rules: forbid('runtime', 'state', 'ui', 'cli', 'workers', 'wiring', 'svelte', 'onnxruntime-web'),
  },
  { files: ['src/state/**'], rules: forbid('runtime', 'ui', 'cli', 'workers', 'wiring') },
  { files: ['src/ui/**'], rules: forbid('runtime', 'evaluation', 'cli', 'workers', 'wiring', ...WHOLE_PAGE) },
  // The root of the page alone knows the App; it hands every part what that draws.
  { files: ['src/ui/page/App.svelte'], rules: forbid('runtime', 'evaluation', 'cli', 'workers', 'wiring') },
  // Only main.ts imports the wiring; tests may, since it is tested.
  { files: ['src/cli/**'], rules: forbid('workers', 'wiring') },
  { files: ['src/wiring/**'], rules: forbid('ui', 'cli', 'workers') },
  { files: ['workers/**'], rules: forbid('evaluation', 'state', 'ui', 'cli', 'wiring', 'svelte') },
  {
    files: ['src/**', 'workers/**'],
    rules: { 'max-lines': ['error', MOST_LINES], 'max-lines-per-function': ['error', MOST_FUNCTION_LINES] },
  },
  {
    files: ['tests/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'vitest', importNames: ['it'], message: 'Write `test`: one word for one thing.' }] },
      ],
    },
  },
)
