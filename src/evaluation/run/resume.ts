/** What must be the same for a stored run to go on: the model, the machine and versions, the judges. */
import { decoderSha256 } from '../../core/adapters'
import { SpqrError, type JudgeFacts, type LoadedPack, type RunRecord, type RunSpec } from '../../core/contracts'
import { conditionsOf } from '../../core/scoring'

const START_OVER = 'or delete the stored run under About, Storage to start over.'

/** Throws BAD_INPUT when another model, or another version of it, is open than the specification names. */
export function assertSameModel({ model, sampler, fineTune }: RunSpec, pack: LoadedPack): void {
  if (model.id !== pack.manifest.id) {
    throw new SpqrError(
      'BAD_INPUT',
      `This run measures "${model.id}", and "${pack.manifest.id}" is chosen.`,
      `Choose "${model.id}" under "Change what is measured", then go on with it.`,
    )
  }
  if (model.manifestSha256 !== pack.manifestSha256) {
    throw new SpqrError(
      'BAD_INPUT',
      `The run was specified with another version of pack "${model.id}".`,
      'Start a new run with the pack that is loaded.',
    )
  }
  const { accelerator } = pack
  const otherDecoder = sampler.decoder !== undefined && sampler.decoder !== (accelerator && decoderSha256(accelerator))
  const otherBase = fineTune?.kind === 'accelerate' && fineTune.sha256 !== accelerator?.onBase?.sha256
  const otherFast = sampler.accelerator !== undefined && sampler.accelerator !== accelerator?.file.sha256
  if (otherDecoder || otherBase || otherFast) {
    throw new SpqrError(
      'BAD_INPUT',
      'The run was specified with another accelerator than this pack has.',
      'Start a new run with the pack that is loaded.',
    )
  }
}

/** Throws BAD_INPUT when the machine, the versions, the judges or the reference are others than the record was begun with. */
export function assertSameConditions({ spec, environment, judges }: RunRecord, pack: LoadedPack): void {
  const described = (of: RunRecord['environment']) =>
    conditionsOf(of) + (spec.fineTune?.kind === 'live' ? `, ${of.threads} threads` : '')
  const [begun, now] = [described(environment), described(pack.environment)]
  if (begun !== now) {
    throw new SpqrError(
      'BAD_INPUT',
      `This run was begun on ${begun} and cannot go on with ${now}.`,
      `Choose what it was begun on again, ${START_OVER}`,
    )
  }
  const other = pack.judges
    .filter(({ id }) => spec.judges.includes(id))
    .find((judge) => !judges.some((known) => sameVerdicts(known, judge)))
  if (other !== undefined) {
    throw new SpqrError(
      'BAD_INPUT',
      `This run was begun with another version of judge "${other.id}" or of its reference, and its verdicts would not compare.`,
      `Choose the judges and the reference it was begun with, ${START_OVER}`,
    )
  }
}

/** Whether a judge is the same, and for FID its reference too. */
function sameVerdicts(a: JudgeFacts, b: JudgeFacts): boolean {
  const reference = (facts: JudgeFacts) => (facts.kind === 'features' ? facts.reference?.sha256 : undefined)
  return a.id === b.id && a.sha256 === b.sha256 && reference(a) === reference(b)
}
