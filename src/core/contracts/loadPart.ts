/** Parts of the program that are loaded when they are first needed. */
import { SpqrError } from './errors'

/**
 * A part that `load` imports. It is gone from the server when the site was published anew since the page was opened, and
 * cannot be reached without a network.
 *
 * @throws {SpqrError} DOWNLOAD_FAILED whatever the browser says of it, which differs and helps nobody
 */
export async function loadPart<Part>(load: () => Promise<Part>): Promise<Part> {
  try {
    return await load()
  } catch (thrown) {
    if (thrown instanceof SpqrError) throw thrown
    const error = new SpqrError(
      'DOWNLOAD_FAILED',
      'A part of the page could not be loaded.',
      'Check the connection, then load the page again.',
    )
    error.cause = thrown
    throw error
  }
}
