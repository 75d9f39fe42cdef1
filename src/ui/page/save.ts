/** Hands a file to the browser's own download. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  // The download has its own reference once click() returns; the next task may free ours.
  setTimeout(() => URL.revokeObjectURL(url), 0)
}
