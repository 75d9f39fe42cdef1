/**
 * One student's result as a class pools it: the counts behind h, from a whole report or from a short link. What agrees in
 * everything but the seed is one experiment done by many.
 */
import { SpqrError, type Report, type RunSpec } from '../../core/contracts'
import { countsOf, commitmentOf, type Counts } from '../share/commitment'
import type { Claim } from '../share/shortLink'
import { createRunSpec, type RecipePack } from '../spec/spec'
import { hashOf } from '../../core/hash'
import { runId } from '../spec/specHash'

/** Digits of the pack's hash that a short link carries. */
const PACK_DIGITS = 16

export interface Tally {
  /** Where it came from, in the teacher's words: a file's name, "link 3". */
  source: string
  /** First 32 digits of the run's id: one student's run has one. */
  run: string
  /** Hash of everything of the run but its seeds: tallies of one recipe pool. */
  recipe: string
  /** What the students differ in: the seed of the training, or of the starting noise where nothing is trained. */
  seed: number
  counts: Counts
  commitment: string
  /** Every sample came along, and the counts were computed again from them. */
  recomputable: boolean
}

/** Everything of a specification but its seeds. */
function recipeOf(spec: RunSpec): string {
  const { fineTune, model } = spec
  return hashOf({
    ...spec,
    seed: 0,
    model: { ...model, manifestSha256: model.manifestSha256.slice(0, PACK_DIGITS) },
    fineTune: fineTune?.kind === 'live' ? { ...fineTune, seed: 0 } : fineTune,
  })
}

const seedOfRun = ({ fineTune, seed }: RunSpec): number => (fineTune?.kind === 'live' ? fineTune.seed : seed)

/** The tally of a report whose counts were computed here from its samples. */
export function tallyOfReport(report: Report, source: string): Tally {
  const { record } = report
  return {
    source,
    run: record.id.slice(0, 32),
    recipe: recipeOf(record.spec),
    seed: seedOfRun(record.spec),
    counts: countsOf(report),
    commitment: commitmentOf(record),
    recomputable: true,
  }
}

/**
 * The tally that a short link states. Its recipe must give the run that it names.
 * @throws {SpqrError} LINK_MISMATCH when it does not, or when it is of another pack than this page has
 */
export function tallyOfClaim(claim: Claim, pack: RecipePack, source: string): Tally {
  if (!pack.manifestSha256.startsWith(claim.manifestSha256))
    throw new SpqrError(
      'LINK_MISMATCH',
      `The tally "${source}" was made with another version of the model than this page has, so it is not counted.`,
      'Let everybody open the same link, and make the run again.',
    )
  const spec = createRunSpec(claim.parameters, pack)
  if (!runId(spec).startsWith(claim.run))
    throw new SpqrError(
      'LINK_MISMATCH',
      `The tally "${source}" contradicts its hash: its settings give another run than the one that it names, so it is not counted.`,
      'Ask the student to copy the link again from the page.',
    )
  return {
    source,
    run: claim.run,
    recipe: recipeOf(spec),
    seed: seedOfRun(spec),
    counts: claim.counts,
    commitment: claim.commitment,
    recomputable: false,
  }
}
