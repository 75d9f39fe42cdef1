/** Which evaluations the options of the study ask for. */
import { PROFILES, SCENARIOS, SpqrError, type PackManifest } from '../../core/contracts'
import { MITIGATION_IDS } from '../../core/methods'
import { PARAMETERS } from '../../evaluation/spec/params'
import { STUDY_PROFILES } from '../../evaluation/study/board'
import type { Cell, Options } from './board'
import { BENEATH, CONTROL, drawnBy, sourcesOf, worksOn, type Source } from './sources'

/** Nothing is trained: the pack's accelerator is added to the aligned model. */
export const ACCELERATE = 'accelerate'

/** Names of a list; all that are known for an empty one. @throws SpqrError BAD_INPUT which names the first unknown one */
function listOf<T extends string>(text: string, known: readonly T[], what: string): T[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const wrong = names.find((name) => known.every((one) => one !== name))
  if (wrong !== undefined)
    throw new SpqrError('BAD_INPUT', `There is no ${what} "${wrong}".`, `Choose from ${known.join(', ')}.`)
  return names.length > 0 ? names.flatMap((name) => known.filter((one) => one === name)) : [...known]
}

export interface Cells {
  cells: (Cell & Source)[]
  /** What was left out, since a method acts through guidance, which an accelerator has inside: methods, or profiles of one. */
  left: string[]
  sampler: 'full' | 'fast'
  /** No mitigation is among them. */
  plain: boolean
}

/** Scenario by scenario, so that a study that is cut short already compares every method somewhere. */
export function cellsOf(options: Options, manifest: PackManifest): Cells {
  const sources = [...sourcesOf(manifest), CONTROL]
  const [sampler = 'full'] = listOf<'full' | 'fast'>(options.sampler || 'full', ['full', 'fast'], 'sampler')
  const methods = listOf(
    options.methods,
    sources.map(({ method }) => method),
    'method',
  )
  const profiles = listOf(options.profiles || PROFILES.join(), STUDY_PROFILES, 'profile')
  const scenarios = listOf(options.scenarios, SCENARIOS, 'scenario')
  const mitigations = listOf(options.mitigations || 'none', ['none', BENEATH, ...MITIGATION_IDS], 'mitigation')
  const heldOut = Number(PARAMETERS['held-out'].parse(options['held-out']))
  const plain = mitigations.every((one) => one === 'none')
  if (profiles.includes(ACCELERATE) && (sampler !== 'full' || heldOut > 0 || !plain))
    throw new SpqrError(
      'BAD_INPUT',
      'An accelerator is added, not trained: it has neither held-out pictures nor a mitigation, and the stages before it are drawn by the full sampler.',
      'Leave "--sampler", "--held-out" and "--mitigations" out, or name other profiles.',
    )
  const draws = (profile: string, method: string) => drawnBy(profile === ACCELERATE ? 'fast' : sampler, method)
  const chosen = methods.flatMap((method) => sources.filter((source) => source.method === method))
  const cells = scenarios.flatMap((scenario) =>
    chosen.flatMap((source) =>
      profiles
        // The accelerator is one for all data.
        .filter((profile) => draws(profile, source.method) && (profile !== ACCELERATE || scenario === 'general'))
        .flatMap((profile) =>
          mitigations
            .filter((mitigation) => worksOn(mitigation, source.method))
            .map((mitigation): Cell & Source => ({
              ...source,
              profile,
              scenario,
              ...(mitigation === 'none' ? {} : { mitigation }),
              ...(heldOut === 0 ? {} : { heldOut }),
            })),
        ),
    ),
  )
  if (cells.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'There is nothing to evaluate by these options.',
      'The accelerator is one for all data, in scenario general, and goes with no method that acts through guidance.',
    )
  const left = methods.flatMap((method) => {
    const without = profiles.filter((profile) => !draws(profile, method))
    return without.length === profiles.length ? [method] : without.map((profile) => `${method} × ${profile}`)
  })
  return { cells, left, sampler, plain }
}
