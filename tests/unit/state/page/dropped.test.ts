/** Folders that were chosen or dropped: paths as the model's own files have them. */
import { describe, expect, test } from 'vitest'
import { droppedFiles, pickedFiles } from '../../../../src/state/page/dropped'

const picked = (path: string) =>
  Object.assign(new File(['x'], path.split('/').at(-1)!), { webkitRelativePath: path.includes('/') ? path : '' })
const paths = ({ name, files }: ReturnType<typeof pickedFiles>) => [name, ...files.map(({ path }) => path)]

/** What a drop of this tree holds; a folder gives its entries two at a time, then none. */
function item(name: string, tree: Record<string, unknown> | null, above = ''): DataTransferItem {
  return { webkitGetAsEntry: () => entry(name, tree, above) } as unknown as DataTransferItem
}
function entry(name: string, tree: Record<string, unknown> | null, above: string): FileSystemEntry {
  const fullPath = `${above}/${name}`
  if (tree === null)
    return {
      isFile: true,
      fullPath,
      file: (take: (file: File) => void) => {
        take(new File(['x'], name))
      },
    } as unknown as FileSystemEntry
  return {
    isFile: false,
    fullPath,
    createReader: () => {
      const left = Object.entries(tree).map(([child, below]) =>
        entry(child, below as Record<string, unknown> | null, fullPath),
      )
      return {
        readEntries: (take: (some: FileSystemEntry[]) => void) => {
          take(left.splice(0, 2))
        },
      }
    },
  } as unknown as FileSystemEntry
}

describe('files of a model', () => {
  test('of a chosen folder lie below it, without what systems leave behind', () => {
    expect(
      paths(
        pickedFiles(
          ['my-model/unet/model.onnx', 'my-model/.DS_Store', 'my-model/unet/.git/x', 'my-model/model_index.json'].map(
            picked,
          ),
        ),
      ),
    ).toEqual(['my-model', 'unet/model.onnx', 'model_index.json'])
  })

  test('chosen one by one keep their names', () => {
    expect(paths(pickedFiles(['unet.onnx', 'text_encoder.onnx'].map(picked)))).toEqual([
      'files',
      'unet.onnx',
      'text_encoder.onnx',
    ])
  })

  test('of a dropped folder are all found, however many there are', async () => {
    const tree = {
      'model_index.json': null,
      unet: { 'model.onnx': null, 'model.onnx_data': null, 'config.json': null },
      tokenizer: { 'vocab.json': null },
      '.git': { HEAD: null },
    }
    const found = paths(await droppedFiles([item('my-model', tree)]))
    expect(found[0]).toBe('my-model')
    expect(found.slice(1).sort()).toEqual([
      'model_index.json',
      'tokenizer/vocab.json',
      'unet/config.json',
      'unet/model.onnx',
      'unet/model.onnx_data',
    ])
  })

  test('of several dropped folders keep their folders', async () => {
    expect(
      paths(await droppedFiles([item('unet', { 'model.onnx': null }), item('vae_decoder', { 'model.onnx': null })])),
    ).toEqual(['files', 'unet/model.onnx', 'vae_decoder/model.onnx'])
  })

  test('a drop that holds none gives none', async () => {
    expect((await droppedFiles([{ webkitGetAsEntry: () => null } as unknown as DataTransferItem])).files).toEqual([])
  })
})
