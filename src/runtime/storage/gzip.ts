/** gzip of whole blobs by the browser's own streams; what is unpacked is bounded. */

export async function gzipped(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const stream = blob.stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** @throws RangeError beyond `limit` bytes, TypeError for what is no gzip */
export async function gunzipped(bytes: Uint8Array<ArrayBuffer>, limit: number): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let total = 0
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return new Blob(parts, { type: 'application/json' })
    total += value.length
    if (total > limit) {
      await reader.cancel()
      throw new RangeError(`more than ${limit} bytes`)
    }
    parts.push(value)
  }
}
