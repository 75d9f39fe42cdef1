/** A camera that reads QR codes: each code is told once, until the camera is let go. */
import { SpqrError, loadPart } from '../../core/contracts'

const OTHERWISE = 'Paste the link instead, or open the student’s file.'

/** Why no camera can be used, in one sentence. */
export function cameraProblem(thrown: unknown): SpqrError {
  const name = thrown instanceof Error || thrown instanceof DOMException ? thrown.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError')
    return new SpqrError(
      'BAD_INPUT',
      'The camera was refused.',
      `Allow it beside the address of the page, and press the button again. ${OTHERWISE}`,
    )
  if (name === 'NotFoundError' || name === 'OverconstrainedError')
    return new SpqrError('BAD_INPUT', 'This machine has no camera that the page can use.', OTHERWISE)
  if (name === 'NotReadableError')
    return new SpqrError('BAD_INPUT', 'Another program is using the camera.', `Close it, and try again. ${OTHERWISE}`)
  return new SpqrError('BAD_INPUT', 'The camera did not start.', OTHERWISE)
}

/** The camera's picture. @throws {SpqrError} BAD_INPUT with why there is none */
export async function openCamera(devices: Pick<MediaDevices, 'getUserMedia'> | undefined): Promise<MediaStream> {
  if (!devices)
    throw new SpqrError(
      'BAD_INPUT',
      'Cameras can only be used on a page that is served over https or from this machine.',
      OTHERWISE,
    )
  try {
    return await devices.getUserMedia({ video: { facingMode: 'environment' }, audio: false })
  } catch (thrown) {
    throw cameraProblem(thrown)
  }
}

/** The text of a QR code in a picture (RGBA, row-major); null where there is none that can be read. */
export async function readCode(picture: {
  width: number
  height: number
  data: Uint8ClampedArray
}): Promise<string | null> {
  const { decodeQR } = await loadPart(() => import('qr/decode.js'))
  try {
    return decodeQR(picture)
  } catch {
    // No code, or one that is blurred: the next frame may show it.
    return null
  }
}
