import { expect, test } from 'vitest'
import { captionsOf } from '../../../../src/state/settings/folder'

const file = (webkitRelativePath: string, text: string) => ({
  name: webkitRelativePath.slice(webkitRelativePath.lastIndexOf('/') + 1),
  webkitRelativePath,
  text: async () => Promise.resolve(text),
})

test('pictures of one name in two folders keep their own captions', async () => {
  const captions = await captionsOf([
    file('pets/10_cat/1.txt', 'a cat\n'),
    file('pets/10_dog/1.txt', 'a dog'),
    file('pets/10_dog/._1.txt', 'no caption'),
    file('pets/more/metadata.jsonl', '{"file_name": "2.png", "text": "a bird"}\n'),
    { name: 'alone.txt', text: async () => Promise.resolve('alone') },
  ])
  expect([...captions]).toEqual([
    ['pets/10_cat/1', 'a cat'],
    ['pets/10_dog/1', 'a dog'],
    ['pets/more/2.png', 'a bird'],
    ['alone', 'alone'],
  ])
})
