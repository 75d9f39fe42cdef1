/** The file of a study, `leaderboard.json`, and the options of the command: checked before hours of work rest on them. */
import { existsSync, readFileSync } from 'node:fs'
import * as v from 'valibot'
import { PROFILES, SCENARIOS, ScoreSchema, SpqrError, checkShape, parseJson } from '../../core/contracts'
import { argumentPairs } from '../../evaluation/spec/params'

export const OPTIONS = {
  pack: 'pictogram',
  preset: 'full',
  methods: '',
  profiles: '',
  scenarios: '',
  'train-steps': '300',
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
}

/**
 * What a later run of the study and its tables need of a row; everything else in it is kept as it is. `packSha256`: see
 * `packHash`; `weightsSha256`: of the method, null where it has none.
 */
const RowSchema = v.looseObject({
  method: v.string(),
  profile: v.picklist(PROFILES),
  scenario: v.picklist(SCENARIOS),
  packSha256: v.string(),
  weightsSha256: v.nullable(v.string()),
  preset: v.string(),
  fineTune: v.looseObject({ steps: v.number() }),
  harmfulness: v.looseObject({ aligned: ScoreSchema }),
  drift: ScoreSchema,
  scores: v.looseObject({ P: ScoreSchema, Q: ScoreSchema, SPQR: ScoreSchema }),
})
export type Row = v.InferOutput<typeof RowSchema>
const BoardSchema = v.object({ schema: v.literal(1), rows: v.array(RowSchema) })

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
 * The rows of a study's file that were measured on this pack; none where there is no file.
 * @throws SpqrError BAD_INPUT which names the first wrong field
 */
export function readBoard(file: string, packSha256: string): Row[] {
  if (!existsSync(file)) return []
  const parsed = parseJson(readFileSync(file, 'utf8'))
  const board = parsed.fault === null ? checkShape(BoardSchema, parsed.value) : parsed
  if (board.fault !== null)
    throw new SpqrError(
      'BAD_INPUT',
      `"${file}" is no study: ${board.fault}.`,
      'Repair it, or move it away to begin anew; it may hold hours of work.',
    )
  return board.value.rows.filter((row) => row.packSha256 === packSha256)
}

export const sameCell =
  (cell: Cell) =>
  (row: Cell): boolean =>
    row.method === cell.method && row.profile === cell.profile && row.scenario === cell.scenario
