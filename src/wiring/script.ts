/** The scripting API, `globalThis.spqr`: what a script sends is checked, then does what a person's hand would do. */
import * as v from 'valibot'
import { PromptSearchSchema, SpqrError, checkShape, loadPart, shortened } from '../core/contracts'
import { recogniseLayout } from '../core/prompts/columns'
import { scriptProgress, type ScriptAdapter, type SpqrScript } from '../evaluation/run/runApi'
import { parseParameters, unknownSentence, type Parameters } from '../evaluation/spec/params'
import type { App } from '../state/page/app.svelte'
import type { RunRequest } from '../state/run/runner.svelte'
import { makeRecording, type Recording } from '../state/run/recording'

/** Scripting beyond the command line's needs: the files of a recorded run. */
export interface PageScript extends SpqrScript {
  /** A stored picture, exactly: RGB, row-major. */
  picture(unitId: string): Promise<{ width: number; height: number; rgb: number[] } | null>
  recording(report: Awaited<ReturnType<SpqrScript['evaluate']>>, name: string): Promise<Recording | null>
}

/** What of the page a script drives. */
export type ScriptedPage = Pick<App, 'settings' | 'services' | 'evaluate' | 'request' | 'takePrompts'> & {
  promptSets: Pick<App['promptSets'], 'choose' | 'choices' | 'draft'>
  sharing: Pick<App['sharing'], 'fragment'>
}

const FileSchema = v.strictObject({ name: v.string(), bytes: v.string() })
const ChoicesSchema = v.strictObject({
  acknowledged: v.boolean(),
  suite: v.optional(v.string()),
  harmful: v.optional(v.boolean()),
  language: v.optional(v.string()),
  seed: v.optional(v.number()),
  text: v.optional(v.string()),
  id: v.optional(v.string()),
  category: v.optional(v.string()),
})
const AdaptersSchema = v.strictTuple([
  v.picklist(['alignment', 'fine-tune']),
  v.array(
    v.strictObject({
      name: v.string(),
      bytes: v.string(),
      strength: v.pipe(v.number(), v.finite()),
      config: v.optional(v.string()),
    }),
  ),
])
const ParametersSchema = v.record(v.string(), v.string())

/** Nobody looks at the form here: a column is not guessed, nor that the first line of a list names one. Throws BAD_INPUT. */
function assertKnown(name: string, columns: readonly string[]): void {
  if (recogniseLayout(columns)) return
  const shown = columns.slice(0, 8).map((column) => `"${shortened(column)}"`)
  throw new SpqrError(
    'BAD_INPUT',
    `No column of "${name}" has a name that prompts usually have.`,
    `Say which one holds them: text, of ${shown.join(', ')}${columns.length > 8 ? ' …' : ''} (on the command line --prompts-columns text=…).`,
  )
}

/** @throws SpqrError BAD_INPUT which names the place and what was expected there */
function checked<Schema extends v.GenericSchema>(schema: Schema, call: string, input: unknown): v.InferOutput<Schema> {
  const { value, fault } = checkShape(schema, input)
  if (fault === null) return value
  throw new SpqrError(
    'BAD_INPUT',
    `What was given to ${call} is wrong at ${fault}.`,
    'The scripting API is described in src/evaluation/run/runApi.ts.',
  )
}

/** @throws SpqrError BAD_INPUT when the text is no base64 */
function fileOf(name: string, base64: string): File {
  try {
    return new File([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], name)
  } catch {
    throw new SpqrError('BAD_INPUT', `The bytes of "${name}" are not base64.`, 'Encode the whole file as base64.')
  }
}

/** @throws SpqrError BAD_INPUT for unknown names and wrong values: nothing is dropped */
function valuesOf(call: string, parameters: unknown): Parameters {
  const { values, unknown } = parseParameters(Object.entries(checked(ParametersSchema, call, parameters)))
  const sentence = unknownSentence(unknown)
  if (sentence) throw new SpqrError('BAD_INPUT', sentence)
  return values
}

async function takeAdapter(
  { settings }: ScriptedPage,
  role: 'alignment' | 'fine-tune',
  { name, bytes, strength, config }: ScriptAdapter,
): Promise<void> {
  const weights = fileOf(name, bytes)
  await settings.takeAdapters(
    role,
    config === undefined ? [weights] : [weights, new File([config], 'adapter_config.json')],
  )
  const taken = settings.adapters[role].at(-1)
  if (taken) settings.setStrength(role, taken.sha256, strength)
}

/** Takes the prompts of a file as the choices say. Throws BAD_INPUT, PROMPTS_INVALID. */
async function addPrompts(app: ScriptedPage, file: unknown, wanted: unknown) {
  const { name, bytes } = checked(FileSchema, 'addPrompts', file)
  const { acknowledged, suite, harmful, language, seed, ...columns } = checked(ChoicesSchema, 'addPrompts', wanted)
  await app.promptSets.choose(fileOf(name, bytes))
  const { choices, draft } = app.promptSets
  const known = recogniseLayout(draft?.columns ?? [])
  if (columns.text === undefined) assertKnown(name, draft?.columns ?? [])
  // Columns of usual names are those of prompts to be refused, as a command without a word means them; another text is not.
  const said = columns.text === undefined || columns.text === known?.mapping.text ? known : null
  Object.assign(choices, {
    acknowledged,
    ...(suite ? { suite } : {}),
    harmful: harmful ?? said?.harmful ?? null,
    ...(language ? { language } : {}),
    ...(seed === undefined ? {} : { seed }),
  })
  Object.assign(choices.mapping, columns)
  if (choices.harmful === null)
    throw new SpqrError(
      'BAD_INPUT',
      said
        ? `"${name}" looks like captions of pictures, and nothing says whether they are harmful.`
        : `Nothing says whether the prompts of "${name}" are harmful.`,
      'Say it: harmful true or false (on the command line --prompts-harmless true or false).',
    )
  const set = await app.takePrompts()
  return { suite: set.suite, prompts: set.prompts.length, notes: set.notes }
}

/** Loaded when it is first asked: a visitor computes no part of somebody else's run. */
function shards(
  app: ScriptedPage,
  requestOf: (call: string, parameters: unknown) => RunRequest,
): Pick<SpqrScript, 'specify' | 'evaluateShard' | 'failShard' | 'train'> {
  const load = async () => (await loadPart(() => import('./shardScript'))).shardScript(app, requestOf)
  return {
    specify: async (...given) => (await load()).specify(...given),
    evaluateShard: async (...given) => (await load()).evaluateShard(...given),
    failShard: async (...given) => (await load()).failShard(...given),
    train: async (...given) => (await load()).train(...given),
  }
}

export function createScript(app: ScriptedPage): PageScript {
  const { store, version } = app.services
  const requestOf = (call: string, parameters: unknown): RunRequest => {
    app.settings.values = valuesOf(call, parameters)
    return app.request()
  }
  return {
    version,
    ...shards(app, requestOf),
    async evaluate(parameters, onProgress) {
      const report = await app.evaluate(requestOf('evaluate', parameters), (event) =>
        onProgress?.(scriptProgress(event)),
      )
      if (!report)
        throw new SpqrError(
          'ABORTED',
          'The run was stopped.',
          'Everything made so far is kept; start it again to go on.',
        )
      return report
    },
    addPrompts: (file, wanted) => addPrompts(app, file, wanted),
    async addAdapters(...[role, files, parameters]) {
      const [part, adapters] = checked(AdaptersSchema, 'addAdapters', [role, files])
      const { settings } = app
      settings.values = valuesOf('addAdapters', parameters)
      for (const { sha256 } of settings.adapters[part]) settings.dropAdapter(part, sha256)
      for (const adapter of adapters) await takeAdapter(app, part, adapter)
      return settings.adapters[part].map(({ name, sha256, facts }) => ({ name, sha256, facts }))
    },
    searchPrompt: (pack, search, onProgress) =>
      app.services.withEngine('a search', pack, { executionProvider: 'wasm', threads: 1 }, ({ ports }) =>
        ports.engine.searchPrompt(checked(PromptSearchSchema, 'searchPrompt', search), (step) => onProgress?.(step)),
      ),
    link: (report, kind) => app.sharing.fragment(report, kind),
    async picture(unitId) {
      const image = await store.image(unitId)
      return image && { width: image.width, height: image.height, rgb: [...image.rgb] }
    },
    recording: (report, name) => makeRecording(report, name, (unitId) => store.image(unitId)),
  }
}
