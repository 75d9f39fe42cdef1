/** The hash of a file as its bytes pass by: SHA-256, or git's SHA-1 of a blob where the hub tells only that. */
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { SpqrError, type SourceFile } from '../../../core/contracts'

export class FileHash {
  private readonly sha256 = sha256.create()
  private readonly git

  constructor(private readonly file: SourceFile) {
    // Small files only: LFS takes over from 10 MB on.
    this.git = file.gitSha1 === null ? null : sha1.create().update(utf8ToBytes(`blob ${file.bytes}\0`))
  }

  update(bytes: Uint8Array): void {
    this.sha256.update(bytes)
    this.git?.update(bytes)
  }

  /** SHA-256 of what passed. Throws HASH_MISMATCH when it is not what the source told. */
  finish(): string {
    const { path, sha256: expected, gitSha1 } = this.file
    const actual = bytesToHex(this.sha256.digest())
    const git = this.git ? bytesToHex(this.git.digest()) : null
    if ((expected === null || expected === actual) && (git === null || git === gitSha1)) return actual
    throw new SpqrError(
      'HASH_MISMATCH',
      `"${path}" is not the file that its source lists: its ${expected === null ? `SHA-1 is ${git}, expected ${gitSha1}` : `SHA-256 is ${actual}, expected ${expected}`}.`,
      'It was changed or damaged on the way; it was removed here, load it again.',
    )
  }
}
