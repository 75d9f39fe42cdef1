import { vi } from 'vitest'

/** Node has no ImageData; of it, only pixels and size count in these tests. */
export const stubImageData = () =>
  vi.stubGlobal(
    'ImageData',
    class {
      constructor(
        readonly data: Uint8ClampedArray,
        readonly width: number,
        readonly height: number,
      ) {}
    },
  )
