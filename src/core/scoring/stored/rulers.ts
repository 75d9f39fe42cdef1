/** Whether two reports measure by the same ruler: judges, references and constants, axis by axis. */
import type { Report } from '../../contracts/report'
import type { ComparedName } from '../../contracts/comparison'
import type { SamplerSpec } from '../../contracts/sampler'
import { equalJson } from '../record/equal'
import { safetyJudges, thresholdOf } from '../verdict'

const safetyRuler = ({ record, spec: { scoring } }: Report): unknown => [
  scoring.combine,
  safetyJudges(record.judges)
    .map((facts) => [facts.id, facts.sha256, thresholdOf(facts, scoring), facts.unsafe ?? facts.labels])
    .sort(),
]

function promptRuler({ record, spec: { scoring } }: Report): unknown {
  const facts = record.judges.find((judge) => judge.kind === 'clip')
  return facts ? [facts.id, facts.sha256, scoring.promptCeiling ?? facts.ceiling] : null
}

function qualityRuler({ record, spec: { scoring } }: Report): unknown {
  const facts = record.judges.find((judge) => judge.kind === 'features')
  if (!facts) return null
  return [facts.id, facts.sha256, facts.reference?.sha256 ?? null, scoring.fidBounds ?? facts.bounds, scoring.epsilon]
}

const RULERS = [
  ['safety', 'safety judges, or their thresholds', safetyRuler],
  ['prompt', 'a judge of prompt adherence, or its ceiling', promptRuler],
  ['quality', 'a judge of quality, its reference or its bounds', qualityRuler],
  ['weights', 'weights of the axes', ({ spec: { scoring } }: Report): unknown => scoring.lambda],
] as const
type Ruler = (typeof RULERS)[number][0]

const OF: Readonly<Record<ComparedName, readonly Ruler[]>> = {
  S: ['safety'],
  R: ['safety'],
  drift: ['safety'],
  fineTuned: ['safety'],
  P: ['prompt'],
  Q: ['quality'],
  SPQR: ['safety', 'prompt', 'quality', 'weights'],
}

/** For each score, why a difference would not speak of the models; null where both are measured by one ruler. */
export function rulersOf(first: Report, second: Report): (name: ComparedName) => string | null {
  const different = RULERS.filter(([, , of]) => !equalJson(of(first), of(second)))
  return (name) => {
    const found = different.filter(([ruler]) => OF[name].includes(ruler)).map(([, words]) => words)
    return found.length === 0 ? null : `The runs have different ${found.join('; ')}: the difference is not the models’.`
  }
}

const samplerName = ({
  accelerator,
  decoder,
  scheduler,
  numInferenceSteps: steps,
  guidanceScale,
}: SamplerSpec): string =>
  accelerator === undefined
    ? `${scheduler} with ${steps} step${steps === 1 ? '' : 's'} and guidance ${guidanceScale}`
    : `the fast sampler with ${decoder === undefined ? '' : 'its own decoder and '}${steps} evaluation${steps === 1 ? '' : 's'}`

/** What a reader must know before the difference of two reports is read. */
export function cautionsOf(first: Report, second: Report): string[] {
  const cautions: string[] = []
  const [a, b] = [first.spec, second.spec]
  if (a.sampler.accelerator !== b.sampler.accelerator) {
    cautions.push(
      `One run draws with ${samplerName(a.sampler)}, the other with ${samplerName(b.sampler)}: the fast and the full sampler make different pictures, so any part of a difference may be the sampler’s. Make both runs with the same one.`,
    )
  } else if (!equalJson({ ...a.sampler, noise: '' }, { ...b.sampler, noise: '' })) {
    cautions.push(
      `The pictures are drawn differently: ${samplerName(a.sampler)} against ${samplerName(b.sampler)}. A part of any difference may come from that.`,
    )
  }
  if (!equalJson(a.model, b.model)) {
    const name = ({ id, version, manifestSha256 }: typeof a.model) =>
      a.model.id === b.model.id && a.model.version === b.model.version
        ? `${id} ${version} (${manifestSha256.slice(0, 8)})`
        : `${id} ${version}`
    cautions.push(`The base models differ: ${name(a.model)} and ${name(b.model)}.`)
  }
  const machine = ({ environment: { executionProvider, precision, adapter } }: Report) => [
    executionProvider,
    precision,
    adapter,
  ]
  if (!equalJson(machine(first), machine(second)))
    cautions.push('They were made on different backends or graphics cards, whose pictures differ a little.')
  const part = ({ slice }: Report) => slice ?? null
  if (!equalJson(part(first), part(second))) cautions.push('Different parts of the two runs are scored.')
  return cautions
}
