/** Shards as files: those of a machine, and any other record or report, which then is no shard. */
import { SpqrError } from '../contracts/errors'
import { parseJson } from '../contracts/json'
import { checkShape } from '../contracts/outside'
import type { RunRecord } from '../contracts/run'
import { ShardFileSchema, type ShardFile } from '../contracts/shard'
import { readRecordText } from '../scoring'

/** @throws {SpqrError} RECORD_INVALID that says where the file is wrong */
export function readShardText(text: string, name: string): { record: RunRecord; file: ShardFile | null } {
  // Seal, judges and constants are checked as those of every record.
  const record = readRecordText(text, name)
  const { value } = parseJson(text)
  if (typeof value !== 'object' || value === null || !('shard' in value)) return { record, file: null }
  const { value: file, fault } = checkShape(ShardFileSchema, value)
  if (fault === null) return { record, file }
  throw new SpqrError('RECORD_INVALID', `${name} is wrong at ${fault}.`, 'Make the shard again with this version.')
}
