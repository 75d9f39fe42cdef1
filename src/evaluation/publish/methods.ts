/** The methods section of a paper: every setting of a run in plain sentences, so that nothing has to be looked up. */
import {
  AXES,
  type AlignmentSpec,
  type FineTuneSpec,
  type JudgeFacts,
  type LiveFineTune,
  type Report,
  type RunSpec,
} from '../../core/contracts'
import { addsTokens, computedMethod, MITIGATIONS } from '../../core/methods'
import { commitmentOf } from '../share/commitment'
import { alignmentName } from '../spec/specNames'
import { oneLine } from './figures'

const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ')
const of = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

interface Part {
  name: string
  sha256: string
  strength: number
}
const files = ({ more = [], ...first }: Part & { more?: readonly Part[] }): string =>
  [first, ...more]
    .map(({ name, sha256, strength }) => `"${name}" (SHA-256 ${sha256}, strength ${strength})`)
    .join(', then ')

/** Where a method was published. */
function source(method: string): string {
  const found = computedMethod(method)?.source
  return found ? ` (${found.paper}${found.arXiv === null ? '' : `, arXiv ${found.arXiv}`})` : ''
}

function alignmentSentences(alignment: AlignmentSpec | null): string[] {
  if (alignment === null) return ['The model was not aligned.']
  const name = alignmentName(alignment)
  switch (alignment.kind) {
    case 'pack':
      return [`It was aligned with ${name}, the adapter "${alignment.id}" of its pack (SHA-256 ${alignment.sha256}).`]
    case 'file':
      return [`It was aligned by merging ${files(alignment)}.`]
    case 'inference':
      if (alignment.guidedBy !== undefined)
        return [
          `It was guarded with ${name}${source(alignment.method)} (method ${alignment.method}), which changes no weight: of ${alignment.candidates ?? 1} pictures drawn for a prompt the one that judge "${alignment.guidedBy}" scored safest was kept; this judge scored nothing.`,
        ]
      if (alignment.weights !== undefined)
        return [
          `It was guarded with ${name}${source(alignment.method)} (method ${alignment.method}), which changes no weight: ${addsTokens(alignment.method) ? `a trained token, as strong as a gate found the prompt forbidden (both SHA-256 ${alignment.weights}), stood before the prompt.` : `a network (SHA-256 ${alignment.weights}) redirected the embeddings of the prompt while a picture was drawn.`}`,
        ]
      return [
        `It was aligned with ${name}${source(alignment.method)} (method ${alignment.method}), which changes no weight and acts while a picture is drawn; concepts: ${quoted(alignment.concepts)}.`,
      ]
    case 'closed-form':
      return [
        `It was aligned with ${name}${source(alignment.method)} (method ${alignment.method}), a closed-form edit of the keys and values of cross-attention: erase scale ${alignment.eraseScale}, preserve scale ${alignment.preserveScale}, λ = ${alignment.lambda}, ${of(alignment.rounds, 'round')}.`,
        `Erased concepts were ${quoted(alignment.concepts)}, guided to "${alignment.guide}"; preserved ones were ${alignment.preserve.length > 0 ? quoted(alignment.preserve) : 'none'}.`,
      ]
  }
}

function liveSentences(tune: LiveFineTune): string[] {
  const { optimiser, mitigation, beneath, heldOut, contamination } = tune
  const numbers = mitigation
    ? Object.entries(mitigation).flatMap(([name, value]) => (name === 'method' ? [] : [`${name} = ${String(value)}`]))
    : []
  return [
    `It was then fine-tuned in the browser on harmless pictures, the data "${tune.dataset}" (${tune.scenario}, SHA-256 ${tune.datasetSha256}), with the ${tune.profile} profile: ${of(tune.steps, 'step')} of ${of(tune.batchSize, 'picture')} with AdamW at learning rate ${tune.learningRate}, seed ${tune.seed}, measured after ${tune.checkpoints.join(', ')} steps.`,
    optimiser
      ? `AdamW had β₁ = ${optimiser.beta1}, β₂ = ${optimiser.beta2}, ε = ${optimiser.epsilon}, weight decay ${optimiser.weightDecay} and gradients clipped at norm ${optimiser.clipNorm}.`
      : "AdamW's other constants were those of the pack.",
    ...(contamination === undefined
      ? []
      : [
          `Of the training pictures, ${contamination} % were replaced by drawings of the base model that the safety judges flag, so that this was no benign fine-tuning.`,
        ]),
    ...(heldOut === undefined
      ? []
      : [
          `Of the data, ${of(heldOut, 'picture')} were held out; adaptation is the fall of the loss on them, at eight fixed noise levels each.`,
        ]),
    ...(mitigation
      ? [
          `The fine-tuning used ${MITIGATIONS[mitigation.method].name} (method ${mitigation.method}${numbers.length > 0 ? `, ${numbers.join(', ')}` : ''}).`,
        ]
      : []),
    ...(beneath === undefined
      ? []
      : [`The ${beneath} model was trained, and the alignment merged with what it had learned.`]),
  ]
}

function fineTuneSentences(tune: FineTuneSpec | null): string[] {
  if (tune === null) return ['There was no benign fine-tuning.']
  switch (tune.kind) {
    case 'pack':
      return [
        `It was then fine-tuned on harmless pictures: the adapter "${tune.id}" of its pack (SHA-256 ${tune.sha256}).`,
      ]
    case 'file':
      return [`It was then fine-tuned on harmless pictures: the adapters ${files(tune)}.`]
    case 'accelerate':
      return [
        `The pack's accelerator (SHA-256 ${tune.sha256}), trained on the unaligned base model to draw in ${of(tune.numInferenceSteps, 'evaluation')} a picture, was then added to it; only the pictures of that stage were drawn with it.`,
      ]
    case 'live':
      return liveSentences(tune)
  }
}

function pictureSentences({ prompts, sampler, seed }: RunSpec): string[] {
  const { harmful, benign, neighbours, seedsPerPrompt } = prompts
  const suites = harmful.map(({ suite, count, sha256 }) => `${count} of "${suite}" (SHA-256 ${sha256})`)
  return [
    `Harmful prompts were ${suites.length > 0 ? suites.join(' and ') : 'none'}; harmless ones were ${benign.count} of "${benign.suite}" (SHA-256 ${benign.sha256}); ${of(seedsPerPrompt, 'picture')} a prompt, from seed ${seed}, the same noise at every stage.`,
    ...(neighbours
      ? [
          `Over-caution was measured on ${neighbours.count} calibration pairs (VSCBench, arXiv 2505.20362): harmless neighbours "${neighbours.suite}" (SHA-256 ${neighbours.sha256}) of the prompts of "${neighbours.of}", with the noise of these, on the base and the aligned model.`,
        ]
      : []),
    `Pictures were drawn with ${sampler.scheduler}, ${of(sampler.numInferenceSteps, 'step')}, guidance scale ${sampler.guidanceScale}, noise from the ${sampler.noise} generator${sampler.accelerator === undefined ? '' : `, with the fast sampler: the pack's accelerator (SHA-256 ${sampler.accelerator}) at every stage${sampler.decoder === undefined ? '' : `, pictures from its own decoder (SHA-256 of its files ${sampler.decoder})`}`}.`,
  ]
}

function judgeSentence(facts: JudgeFacts, { thresholds }: RunSpec['scoring']): string {
  const name = `"${facts.id}" (SHA-256 ${facts.sha256})`
  switch (facts.kind) {
    case 'safety-multilabel': {
      const unsafe = facts.unsafe ?? facts.labels
      const errors =
        facts.recall === null || facts.falsePositiveRate === null
          ? 'its error rates are not known'
          : `recall ${facts.recall}${facts.recallN === undefined ? '' : ` (n = ${facts.recallN})`}, false-positive rate ${facts.falsePositiveRate}${facts.falsePositiveN === undefined ? '' : ` (n = ${facts.falsePositiveN})`}`
      return `The safety judge ${name} flags a picture when its score of ${unsafe.join(', ')} is at least ${thresholds[facts.id] ?? facts.threshold}${facts.legibilityThreshold === null ? '' : `, and finds it illegible below ${facts.legibilityThreshold}`}; ${errors}.`
    }
    case 'clip':
      return `Prompt adherence is the cosine of ${name}${facts.ceiling === null ? '' : `, whose own ceiling is ${facts.ceiling}`}.`
    case 'features':
      return `Quality is the Fréchet distance of ${facts.dimension} features of ${name} ${facts.reference ? `to ${facts.reference.n} reference pictures (SHA-256 ${facts.reference.sha256}${facts.reference.moments ? ', known by mean and covariance' : ''})` : 'without a reference'}; bounds: ${facts.bounds.map(({ n, min, max }) => `${min} to ${max} at n = ${n}`).join(', ') || 'none'}.`
  }
}

function scoringSentence({ scoring }: RunSpec): string {
  const { name, promptCeiling, fidBounds, epsilon, lambda, combine } = scoring
  return `Scores follow SPQR (arXiv 2511.19558) with the constants "${name}": prompt ceiling ${promptCeiling ?? "the judge's own"}, FID bounds ${fidBounds ? `${fidBounds.min} to ${fidBounds.max}` : "the judge's own"}, ε = ${epsilon}, weights ${AXES.map((axis) => `${axis} ${lambda[axis]}`).join(', ')}; a picture is unsafe when ${combine} of the safety judges flag it.`
}

/** Every setting of the run, its size, what failed, how it is checked, and on what it ran. */
export function methodsParagraph(report: Report): string {
  const { spec, record, counts, environment, timings, slice } = report
  const sentences = [
    `We measured the model ${spec.model.id}, version ${spec.model.version} (manifest SHA-256 ${spec.model.manifestSha256}), with spqr-web ${environment.app} and its preset "${spec.preset}".`,
    ...alignmentSentences(spec.alignment),
    ...fineTuneSentences(spec.fineTune),
    ...pictureSentences(spec),
    ...record.judges.map((facts) => judgeSentence(facts, spec.scoring)),
    scoringSentence(spec),
    ...(slice
      ? [
          `Only a part of the run was scored: ${(['suites', 'categories', 'languages'] as const).map((key) => `${key} ${slice[key].length > 0 ? quoted(slice[key]) : 'all'}`).join('; ')}.`,
        ]
      : []),
    `Of ${counts.planned} planned pictures ${counts.done} were judged and ${counts.failed} failed; ${counts.lowConfidence} that no judge flagged show no legible drawing.`,
    'Intervals are 95 %: Wilson intervals for shares, bootstrap intervals paired by prompt and noise for the rest.',
    record.scoringRule === 2
      ? 'Prompts of one concept and repeats of one prompt were resampled together (scoring rule 2).'
      : 'Prompts were resampled as independent (scoring rule 1).',
    `It ran on ${environment.executionProvider} with ${of(environment.threads, 'thread')}${environment.adapter === null ? '' : ` (${environment.adapter})`} in ${environment.precision}, onnxruntime-web ${environment.onnxruntime}, Transformers.js ${environment.transformers}, ${environment.userAgent}, for ${timings.totalSeconds.toFixed(1)} s.`,
    `The run ${report.id} was made ${report.createdAt}; the commitment to its samples is ${commitmentOf(record)}.`,
  ]
  return `${oneLine(sentences.join(' '))}\n`
}
