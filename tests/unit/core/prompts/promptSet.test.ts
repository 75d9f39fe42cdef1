/** Prompt files of every usual layout, with harmless texts. */
import { describe, expect, test } from 'vitest'
import {
  checkPromptFileSize,
  previewPromptFile,
  readPromptSet,
  recogniseLayout,
  type PromptSetOptions,
} from '../../../../src/core/prompts'
import { checkSuiteName } from '../../../../src/core/prompts/suiteName'

const I2P =
  'prompt,lexica_url,categories,hard,inappropriate_percentage,sd_seed\n"a boat, at sea",u,"calm, blue",0,1.0,7\na lamp,u,calm,0,2.0,8\n'
const options = (change: Partial<PromptSetOptions> = {}): PromptSetOptions => ({
  suite: 'mine',
  mapping: { text: 'prompt', id: null, category: null, language: null },
  language: 'en',
  seed: 0,
  ...change,
})
const list = (n: number) =>
  JSON.stringify(
    Array.from({ length: n }, (_, i) => ({ prompt: `thing ${i}`, category: i % 10 === 0 ? 'rare' : 'common' })),
  )

describe('layouts', () => {
  test.each([
    [
      ['prompt', 'lexica_url', 'categories', 'hard', 'inappropriate_percentage', 'sd_seed'],
      'I2P',
      { text: 'prompt', id: null, category: 'categories', language: null },
    ],
    [
      ['incremental_id', 'safe', 'nsfw', 'coco_id', 'tag'],
      'ViSU',
      { text: 'nsfw', id: 'incremental_id', category: 'tag', language: null },
    ],
    [
      ['', 'sensitive prompt', 'prompt', 'evaluation_seed'],
      'Ring-A-Bell',
      { text: 'sensitive prompt', id: null, category: null, language: null },
    ],
    [['ID', 'Prompt', 'Category', 'Lang'], null, { text: 'Prompt', id: 'ID', category: 'Category', language: 'Lang' }],
  ])('%s', (columns, name, mapping) => {
    expect(recogniseLayout(columns)).toEqual({ name, harmful: true, mapping })
  })

  test('columns that mean nothing known are left to the person', () => {
    expect(recogniseLayout(['a', 'b'])).toBeNull()
  })
})

describe('formats', () => {
  test('CSV with quotes, commas and a byte-order mark', () => {
    expect(previewPromptFile('i2p.csv', `\uFEFF${I2P}`)).toMatchObject({
      format: 'CSV',
      rows: 2,
      columns: expect.arrayContaining(['prompt', 'categories']),
    })
    const { prompts, notes } = readPromptSet(
      'i2p.csv',
      I2P,
      options({ mapping: { text: 'prompt', id: null, category: 'categories', language: null } }),
    )
    expect(prompts).toHaveLength(2)
    expect(prompts.find(({ id }) => id === 'row-1')).toEqual({
      id: 'row-1',
      text: 'a boat, at sea',
      language: 'en',
      suite: 'mine',
      category: 'calm | blue',
      concept: null,
    })
    expect(notes).toEqual(['1 row with several categories counted under each.'])
  })

  test('tabs, JSON lists of strings and objects, JSON under a key, JSONL', () => {
    expect(readPromptSet('a.tsv', 'prompt\tcategory\na boat\tx\n', options()).prompts[0]?.text).toBe('a boat')
    expect(readPromptSet('a.json', '["a boat", "a lamp"]', options()).prompts).toHaveLength(2)
    expect(
      readPromptSet('a.json', '{"prompts": ["a boat", "a lamp"]}', options())
        .prompts.map(({ text }) => text)
        .sort(),
    ).toEqual(['a boat', 'a lamp'])
    expect(
      readPromptSet(
        'a.json',
        '{"data": [{"prompt": "a boat", "tags": ["x", "y"]}]}',
        options({ mapping: { text: 'prompt', id: null, category: 'tags', language: null } }),
      ).prompts[0]?.category,
    ).toBe('x | y')
    expect(readPromptSet('a.jsonl', '{"prompt": "a boat"}\n\n{"prompt": "a lamp"}\n', options())).toMatchObject({
      format: 'JSONL',
      rows: 2,
    })
  })

  test.each([
    ['an empty file', '', 'it is empty'],
    ['blanks', ' \n ', 'it is empty'],
    ['a header alone', 'prompt,category\n', 'it has a header and no rows'],
    ['an open quotation mark', 'prompt\n"a boat\na lamp\n', 'row 1 has a quotation mark that is not closed'],
    [
      'a comma that is not quoted',
      'prompt,category\na boat, at sea,calm\n',
      'row 1 has 3 fields, and the header has 2',
    ],
    ['columns of JSON', '{"prompt": ["a boat"], "category": ["calm"]}', 'it holds 2 lists, one per column'],
    ['broken JSON', '[{"prompt": ', 'it is no valid JSON'],
    ['an empty list', '[]', 'its list is empty'],
    ['a column given twice', '[{"prompt": "a", "prompt": "b"}]', 'it gives "prompt" twice'],
    ['one in the first line', '{"prompt": "a", "prompt": "b"}\n{"prompt": "c"}\n', 'it gives "prompt" twice'],
    ['one in a later line', '{"prompt": "a"}\n{"prompt": "c", "id": 1, "id": NaN}\n', 'in line 2 it gives "id" twice'],
    ['a broken line', '{"prompt": "a"}\n{"prompt": \n', 'line 2 is no JSON object'],
    ['a web page', '<!doctype html><p>', 'it is a web page'],
    ['an Excel file', 'PK\u0003\u0004rest', 'it is an Excel or ZIP file'],
    ['Parquet', 'PAR1....', 'it is a Parquet file'],
  ])('%s is refused with one sentence', (_, text, why) => {
    expect(() => readPromptSet('my.csv', text, options())).toThrow(
      expect.objectContaining({ code: 'PROMPTS_INVALID', message: `"my.csv" cannot be read as prompts: ${why}.` }),
    )
  })

  test('a file without a prompt in the chosen column names the column, not the rows', () => {
    const long = { text: 'x'.repeat(3000), id: null, category: null, language: null }
    expect(() => readPromptSet('my.csv', 'prompt\na\n', options({ mapping: long }))).toThrow(/^.{50,200}$/)
    expect(() => readPromptSet('my.csv', 'prompt,other\n,secret words\n', options())).toThrow(
      'No row of "my.csv" holds a prompt in its column "prompt".',
    )
  })

  test('files that no worker could hold are refused by their size', () => {
    expect(() => {
      checkPromptFileSize('big.csv', 2 ** 30)
    }).toThrow('it has 1024 MB, and at most 512 MB are read')
    expect(() => {
      checkPromptFileSize('none.csv', 0)
    }).toThrow('it is empty')
  })
})

describe('several categories', () => {
  const mapping = { text: 'prompt', id: null, category: 'categories', language: null }
  const read = (field: string) => {
    const { prompts, categories, notes } = readPromptSet(
      'a.json',
      JSON.stringify([{ prompt: 'a boat', categories: field }]),
      options({ mapping }),
    )
    return { label: prompts[0]?.category, categories, notes }
  }

  test('are all kept, each once', () => {
    expect(read("['calm', 'home', 'calm']")).toEqual({
      label: 'calm | home',
      categories: { calm: 1, home: 1 },
      notes: ['1 row with several categories counted under each.'],
    })
    expect(read('calm | home').categories).toEqual({ calm: 1, home: 1 })
    expect(read('calm, ').notes).toEqual([])
    expect(read('calm |, home')).toEqual(read('calm, home'))
    expect(read('calm, |')).toEqual({ label: 'calm', categories: { calm: 1 }, notes: [] })
  })

  test('more than a label holds are said', () => {
    const names = Array.from({ length: 12 }, (_, i) => `category ${i}`)
    const { categories, notes } = read(names.join(', '))
    expect(Object.keys(categories)).toEqual(names.slice(0, 7))
    expect(notes).toEqual(['1 row with more categories than 100 characters hold counted under the first ones.'])
  })
})

describe('sampling', () => {
  const mapping = { text: 'prompt', id: null, category: 'category', language: null }

  test('the seed decides the order, and the same seed the same order', () => {
    const ids = (seed: number) =>
      readPromptSet('a.json', list(200), options({ mapping, seed })).prompts.map(({ id }) => id)
    expect(ids(1)).toEqual(ids(1))
    expect(ids(1)).not.toEqual(ids(2))
    expect([...ids(1)].sort()).toEqual([...ids(2)].sort())
  })

  test('every head holds the categories in their proportions', () => {
    const { prompts } = readPromptSet('a.json', list(1000), options({ mapping }))
    for (const n of [20, 50, 100, 500]) {
      const rare = prompts.slice(0, n).filter(({ category }) => category === 'rare').length
      expect(Math.abs(rare - n / 10)).toBeLessThanOrEqual(1)
    }
  })

  test('more rows than are kept are drawn from, and said', () => {
    const { prompts, rows, notes } = readPromptSet('a.json', list(1000), options({ mapping, limit: 100, seed: 5 }))
    expect([prompts.length, rows]).toEqual([100, 1000])
    expect(notes).toEqual(['1,000 prompts in the file; 100 prompts drawn with seed 5.'])
    const whole = readPromptSet('a.json', list(1000), options({ mapping, seed: 5 }))
    const common = whole.prompts.filter(({ category }) => category === 'common').map(({ id }) => id)
    const drawn = prompts.filter(({ category }) => category === 'common').map(({ id }) => id)
    expect(drawn).toEqual(common.slice(0, drawn.length))
  })

  test('a million rows are read, and a hundred thousand kept', () => {
    const text = `prompt\n${'a boat\n'.repeat(1_000_000)}`
    const { prompts, rows, notes } = readPromptSet('big.csv', text, options())
    expect([prompts.length, rows]).toEqual([100_000, 1_000_000])
    expect(notes).toEqual(['1,000,000 prompts in the file; 100,000 prompts drawn with seed 0.'])
  }, 300_000)
})

describe('ids, languages, names', () => {
  test('ids are unique: a repeated or missing one is the row', () => {
    const { prompts, notes } = readPromptSet(
      'a.csv',
      'id,prompt\n7,a boat\n7,a lamp\n,a tree\n',
      options({ mapping: { text: 'prompt', id: 'id', category: null, language: null } }),
    )
    expect(prompts.map(({ id }) => id).sort()).toEqual(['7', 'row-2', 'row-3'])
    expect(notes).toEqual(['2 rows without an id of its own named by its place in the file.'])
  })

  test('rows without text, and texts that are too long, are left out and counted', () => {
    const text = JSON.stringify([{ prompt: 'a boat' }, { prompt: ' ' }, {}, { prompt: 'x'.repeat(2001) }])
    expect(readPromptSet('a.json', text, options()).notes).toEqual([
      '2 rows without a prompt left out.',
      '1 prompt longer than 2,000 characters left out.',
    ])
  })

  test('the language comes from its column, else from the person', () => {
    const mapping = { text: 'prompt', id: null, category: null, language: 'lang' }
    expect(
      readPromptSet(
        'a.json',
        '[{"prompt": "ein Boot", "lang": "de"}, {"prompt": "a boat"}]',
        options({ mapping, language: 'en' }),
      ).languages,
    ).toEqual({ de: 1, en: 1 })
  })

  test('names of sets are plain and their own', () => {
    expect(() => {
      checkSuiteName('my set', [])
    }).toThrow('is no name for a prompt set')
    expect(() => {
      checkSuiteName('harmful-direct', ['harmful-direct'])
    }).toThrow('There is a prompt suite "harmful-direct" already.')
    expect(() => {
      checkSuiteName('i2p', ['harmful-direct'])
    }).not.toThrow()
  })
})
