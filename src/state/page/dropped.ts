/** Files of a drop or of a file picker, each with its path below the folder it came with. */

/** A file with its path, as the engine's worker takes it. */
export interface PathFile {
  path: string
  blob: File
}
/** A folder, or loose files under the name "files". */
export interface FileSet {
  name: string
  files: PathFile[]
}

/** Finder, Explorer and git leave these behind. */
const LITTER = /(^|\/)(\.|Thumbs\.db$|desktop\.ini$)/

/** The folder that all paths share is its name and no part of the paths. */
function fileSet(all: readonly PathFile[]): FileSet {
  const files = all.filter(({ path }) => !LITTER.test(path))
  const [top, ...rest] = new Set(files.map(({ path }) => (path.includes('/') ? path.split('/')[0]! : '')))
  if (top === undefined || top === '' || rest.length > 0) return { name: 'files', files }
  return { name: top, files: files.map(({ path, blob }) => ({ path: path.slice(top.length + 1), blob })) }
}

/** Files of an `<input type="file">`, with `webkitdirectory` or without. */
export function pickedFiles(files: readonly File[]): FileSet {
  return fileSet(
    files.map((file) => ({ path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath, blob: file })),
  )
}

/** Everything under what was dropped. The list of a drop is empty after the first wait, so entries are taken at once. */
export async function droppedFiles(items: Iterable<DataTransferItem>): Promise<FileSet> {
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? [])
  return fileSet((await Promise.all(entries.map(filesUnder))).flat())
}

async function filesUnder(entry: FileSystemEntry): Promise<PathFile[]> {
  if (entry.isFile) {
    const blob = await new Promise<File>((resolve, reject) => {
      ;(entry as FileSystemFileEntry).file(resolve, reject)
    })
    return [{ path: entry.fullPath.replace(/^\//, ''), blob }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: FileSystemEntry[] = []
  for (;;) {
    // A folder is read a hundred entries at a time, until none come.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject)
    })
    if (some.length === 0) break
    found.push(...some)
  }
  return (await Promise.all(found.map(filesUnder))).flat()
}
