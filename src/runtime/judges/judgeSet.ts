/** A judge set beside a pack or a published model: its judges take the place of the pack's on their axes. */
import { SpqrError, type Judge, type JudgeFacts, type PackManifest, type ReferenceChoice } from '../../core/contracts'

export interface AddedJudge {
  judge: Judge
  facts: JudgeFacts
}
interface Judged {
  manifest: PackManifest
  judges: JudgeFacts[]
}

const WHAT = { S: 'safety', P: 'prompt', Q: 'quality' } as const

/**
 * The pack with the added judges; on an axis that the set measures, the pack's own are left out.
 * @throws SpqrError BAD_INPUT for two judges of one id, or two on an axis that one judge measures
 */
export function withJudges<P extends Judged>(pack: P, added: readonly AddedJudge[]): P {
  if (added.length === 0) return pack
  added.forEach(({ judge }, i) => {
    const earlier = added
      .slice(0, i)
      .find((other) => other.judge.id === judge.id || (judge.axis !== 'S' && other.judge.axis === judge.axis))
    if (!earlier) return
    if (earlier.judge.id === judge.id)
      throw new SpqrError('BAD_INPUT', `The judge "${judge.id}" was added twice.`, 'Leave one of them out.')
    throw new SpqrError(
      'BAD_INPUT',
      `${earlier.judge.id} and ${judge.id} are both ${WHAT[judge.axis]} judges, and ${judge.axis} is measured by one.`,
      'Leave one of them out.',
    )
  })
  const axes = new Set(added.map(({ judge }) => judge.axis))
  const kept = pack.manifest.judges.filter(({ axis }) => !axes.has(axis))
  const clash = kept.find(({ id }) => added.some(({ judge }) => judge.id === id))
  if (clash)
    throw new SpqrError(
      'BAD_INPUT',
      `The pack "${pack.manifest.id}" has a judge "${clash.id}" of its own.`,
      'Give the added judge another id.',
    )
  return {
    ...pack,
    manifest: { ...pack.manifest, judges: [...kept, ...added.map(({ judge }) => judge)] },
    judges: [
      ...pack.judges.filter(({ id }) => kept.some((judge) => judge.id === id)),
      ...added.map(({ facts }) => facts),
    ],
  }
}

/**
 * The quality judge's facts with a reference of the user's own; frozen FID bounds belong to the earlier reference.
 * @throws SpqrError BAD_INPUT when no quality judge sees that many features
 */
export function withReference<P extends Judged>(pack: P, reference: ReferenceChoice | undefined): P {
  if (!reference) return pack
  const quality = pack.judges.find((facts) => facts.kind === 'features')
  if (quality?.dimension !== reference.dimension) {
    throw new SpqrError(
      'BAD_INPUT',
      quality
        ? `The reference "${reference.name}" is of ${reference.dimension} features a picture, and the quality judge ${quality.id} gives ${quality.dimension}.`
        : `There is no quality judge for the reference "${reference.name}".`,
      "Choose a reference made with the run's own quality judge, or drop it.",
    )
  }
  const { sha256, n, moments } = reference
  return {
    ...pack,
    judges: pack.judges.map((facts) =>
      facts === quality ? { ...quality, reference: { sha256, n, ...(moments && { moments }) }, bounds: [] } : facts,
    ),
  }
}
