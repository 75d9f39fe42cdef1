/** Shards of one specification → one record; stored files → records. The work is core/scoring's, shared with the worker. */
export { checkFileSize, mergeRecords, readRecord, readRecordText } from '../core/scoring'
