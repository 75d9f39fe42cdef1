/** Files that are dragged out of the page onto the desktop or into a folder, where the browser knows how (Chromium's DownloadURL). */
let last: string | null = null

/** Called on `dragstart`, with the file that is let go of. The browser reads it after the drag, so it is kept until the next. */
export function dragOut({ dataTransfer }: DragEvent, file: Blob, name: string): void {
  if (!dataTransfer) return
  if (last !== null) URL.revokeObjectURL(last)
  last = URL.createObjectURL(file)
  const type = file.type === '' ? 'application/octet-stream' : file.type
  // A colon would end the name.
  dataTransfer.setData('DownloadURL', `${type}:${name.replace(/[:/\\]/g, ' ')}:${last}`)
  dataTransfer.setData('text/plain', name)
  dataTransfer.effectAllowed = 'copy'
}
