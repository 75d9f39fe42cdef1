/** The file of a study, `leaderboard.json`, and the options of the command: checked before hours of work rest on them. */
import { existsSync, readFileSync } from 'node:fs'
import { SpqrError, checkShape, parseJson } from '../../core/contracts'
import { argumentPairs } from '../../evaluation/spec/params'
import { BoardSchema, designKey, designOf, type Board, type Row, type Training } from '../../evaluation/study/board'

export const OPTIONS = {
  pack: 'pictogram',
  preset: 'full',
  methods: '',
  profiles: '',
  scenarios: '',
  'train-steps': '300',
  /** Seeds of the trainings of every row. */
  seeds: '0',
  sampler: 'full',
  /** Ways of keeping safety, `none` and `beneath` among them; empty: `none` alone. */
  mitigations: '',
  /** Pictures of the harmless data that are not trained on, so that what was learned is measured. */
  'held-out': '0',
  /** Steps measured beside the first and the last. */
  checkpoints: '',
  /** `yes` (or the bare word): print the tables, evaluate nothing. */
  tables: 'no',
  threads: '0',
  /** Empty: `leaderboard.json` of the pack. */
  out: '',
}
export type Options = typeof OPTIONS

/** What distinguishes one evaluation of the study from another. */
export interface Cell {
  method: string
  profile: string
  scenario: string
  /** `none`: plain fine-tuning. */
  mitigation?: string | undefined
  heldOut?: number | undefined
}

const isOption = (name: string): name is keyof Options => Object.hasOwn(OPTIONS, name)

/** @throws SpqrError BAD_INPUT for an option that the study does not have */
export function readOptions(argv: readonly string[]): Options {
  const options: Options = { ...OPTIONS }
  for (const [name, text] of argumentPairs(argv)) {
    if (!isOption(name))
      throw new SpqrError(
        'BAD_INPUT',
        `"--${name}" is no option of the study.`,
        `It has ${Object.keys(OPTIONS).join(', ')}.`,
      )
    options[name] = text
  }
  return options
}

/**
 * Seeds in the order given.
 * @throws SpqrError BAD_INPUT for what is no list of different whole numbers
 */
export function readSeeds(text: string): number[] {
  const seeds = text.split(',').map((part) => (/^\s*\d{1,9}\s*$/.test(part) ? Number(part) : Number.NaN))
  if (seeds.some(Number.isNaN) || new Set(seeds).size < seeds.length)
    throw new SpqrError('BAD_INPUT', `"--seeds ${text}" is no list of different whole numbers.`, 'Write --seeds 0,1,2.')
  return seeds
}

/**
 * A study's file with the rows that were measured on this pack and with its accelerator (SHA-256 of the adapter that was
 * trained on the base); empty where there is no file.
 * @throws SpqrError BAD_INPUT which names the first wrong field
 */
export function readBoard(file: string, packSha256: string, accelerator: string | null): Board {
  if (!existsSync(file)) return { schema: 1, rows: [], plans: {} }
  const parsed = parseJson(readFileSync(file, 'utf8'))
  const board = parsed.fault === null ? checkShape(BoardSchema, parsed.value) : parsed
  if (board.fault !== null)
    throw new SpqrError(
      'BAD_INPUT',
      `"${file}" is no study: ${board.fault}.`,
      'Repair it, or move it away to begin anew; it may hold hours of work.',
    )
  const ofPack = (row: Row): boolean =>
    row.packSha256 === packSha256 && (row.profile !== 'accelerate' || row.fineTune['sha256'] === accelerator)
  return { ...board.value, rows: board.value.rows.filter(ofPack) }
}

const sameEvaluation =
  (cell: Cell) =>
  (row: Cell): boolean =>
    row.method === cell.method &&
    row.profile === cell.profile &&
    row.scenario === cell.scenario &&
    (row.mitigation ?? 'none') === (cell.mitigation ?? 'none') &&
    (row.heldOut ?? 0) === (cell.heldOut ?? 0)

/** A row of the same evaluation and design. */
export const sameRow =
  (cell: Cell & Pick<Row, 'sampler' | 'seeds'>) =>
  (row: Row): boolean =>
    sameEvaluation(cell)(row) && designKey(designOf(row)) === designKey(designOf(cell))

/** What decides whether two trainings may stand in one row. */
export interface Conditions {
  sampler: 'full' | 'fast'
  preset: string
  steps: number
  weightsSha256: string | null
}

/** Whether a training was held against a plain run where it should be; those of earlier versions were not. */
export const isHeld =
  ({ mitigation = 'none', heldOut = 0 }: Cell) =>
  ({ atEqual }: Training): boolean =>
    mitigation === 'none' || heldOut === 0 || atEqual !== undefined

/** Trainings of the same evaluation under the same conditions that some row of the file already has, by seed. */
export function trainingsAtHand(
  rows: readonly Row[],
  cell: Cell,
  conditions: Conditions,
): Map<number, [Row, Training]> {
  const like = rows.filter(
    (row) =>
      sameEvaluation(cell)(row) &&
      designOf(row).sampler === conditions.sampler &&
      row.preset === conditions.preset &&
      row.fineTune.steps === conditions.steps &&
      (row.weightsSha256 ?? null) === conditions.weightsSha256,
  )
  return new Map(
    like.flatMap((row) =>
      (row.trainings ?? [])
        .filter(isHeld(cell))
        .map((training): [number, [Row, Training]] => [training.seed, [row, training]]),
    ),
  )
}
