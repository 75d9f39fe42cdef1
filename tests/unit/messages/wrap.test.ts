import { describe, expect, test } from 'vitest'
import { IndexTracker } from 'wuchale'
import { sentencesOf } from '../../../.config/messages/sentences.mjs'
import { compileComponent, wrap } from '../../../.config/messages/source.mjs'

const messagesOf = async (code: string): Promise<string[]> =>
  (await compileComponent(code, 'src/ui/run/Any.svelte', new IndexTracker())).messages.flatMap(({ msgStr }) => msgStr)

describe('what a component draws', () => {
  test('is translated between tags and in attributes that people read', () => {
    expect(wrap('<p title={hint} class={kind}>{text}</p>')?.toString()).toBe(
      '<p title={_say_(hint)} class={kind}>{_say_(text)}</p>',
    )
    expect(wrap('<p {title}>a</p>')?.toString()).toBe('<p title={_say_(title)}>a</p>')
  })

  test('is left alone where it is somebody’s own text, or for machines', () => {
    expect(wrap('<q lang={language} dir="auto">{prompt}</q><code>{command}</code>')).toBeNull()
    // A drawing runs from left to right in every language; its words are the page's.
    expect(wrap('<div dir="ltr">{text}</div>')?.toString()).toBe('<div dir="ltr">{_say_(text)}</div>')
  })

  test('has its sentences in the catalogue, one by one', async () => {
    expect(
      await messagesOf('<p>Made <strong>{n}</strong> of {m} pictures</p><a href="#run" class="Big">Run</a>'),
    ).toEqual(['Made <0/> of {0} pictures', 'Run'])
    expect(await messagesOf('<Wall stage="aligned" label="Pictures of {name}" />')).toEqual(['Pictures of {0}'])
  })
})

test('sentences of a script are those that a person may read', () => {
  const code = `
    import a from './some module'
    type Kind = 'not a sentence'
    const key = 'fine-tuned'
    throw new Error('only for programmers')
    throw new SpqrError('BAD_INPUT', \`The file "\${name}" is empty.\`, 'Choose another ' + 'one.')
    const label = count(n, 'category', 'categories')`
  expect(sentencesOf('src/state/page/any.ts', code)).toEqual({
    sentences: ['The file "{0}" is empty.', 'Choose another one.'],
    nouns: [['{0} category', '{0} categories']],
  })
})
