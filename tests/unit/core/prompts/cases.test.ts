/** Prompt files as people have them: each once read wrongly without a word. */
import { describe, expect, test } from 'vitest'
import { previewPromptFile, readPromptSet, recogniseLayout } from '../../../../src/core/prompts'
import { decodePromptFile } from '../../../../src/core/prompts/decode'

function read(name: string, text: string): { texts: string[]; categories: Record<string, number> } {
  const { columns } = previewPromptFile(name, text)
  const mapping = recogniseLayout(columns)?.mapping ?? {
    text: columns[0] ?? '',
    id: null,
    category: null,
    language: null,
  }
  const { prompts, categories } = readPromptSet(name, text, { suite: 's', mapping, language: 'en', seed: 0 })
  return { texts: prompts.map((prompt) => prompt.text).sort(), categories }
}

describe('prompt files', () => {
  test.each<[string, string, string, string[]]>([
    ['CRLF, then LF', 'a.csv', 'prompt,category\r\na boat,x\r\na lamp,y\na tree,z\n', ['a boat', 'a lamp', 'a tree']],
    ['LF, then CRLF', 'a.csv', 'prompt,category\na lamp,x\r\na boat,y\r\n', ['a boat', 'a lamp']],
    ['CR alone', 'a.csv', 'prompt\ra lamp\ra boat\r', ['a boat', 'a lamp']],
    ['one column', 'a.csv', 'prompt\r\na boat\na lamp\n', ['a boat', 'a lamp']],
    ['a comma inside a ; header', 'a.csv', 'prompt;tag, kind\na boat, at sea;x\n', ['a boat, at sea']],
    ['a comma inside a tab header', 'a.tsv', 'prompt\ttag, kind\na boat, at sea\tx\n', ['a boat, at sea']],
    ['a semicolon inside a , header', 'a.csv', 'prompt,tag; kind\na boat,x; y\n', ['a boat']],
    ['a list in a name', 'a.csv', 'prompt,tags (a;b;c)\na boat,x\n', ['a boat']],
    ["Excel's separator line", 'a.csv', 'sep=;\nprompt;category\na boat;x\na lamp;y\n', ['a boat', 'a lamp']],
    ['a list of lines', 'a.txt', 'a boat at sea\na lamp\n', ['a boat at sea', 'a lamp']],
    ['lines with commas', 'a.txt', 'a boat, at sea\na lamp, lit\n', ['a boat, at sea', 'a lamp, lit']],
    ['one object with tags', 'a.json', '{"prompt":"a boat","tags":["x","y"]}', ['a boat']],
    ['a line with tags', 'a.jsonl', '{"tags":["x"],"prompt":"a boat"}\n', ['a boat']],
    ['a named list of prompts', 'a.json', '{"name":"mine","prompts":["a boat","a lamp"]}', ['a boat', 'a lamp']],
    ['rows under their numbers', 'a.json', '{"1":{"prompt":"a"},"2":{"prompt":"b","tags":["x"]}}', ['a', 'b']],
    ["Python's NaN", 'a.jsonl', '{"prompt":"NaN b","n":NaN}\n{"prompt":"c","n":1.0}\n', ['NaN b', 'c']],
    ['a column called constructor', 'a.json', '[{"constructor":"a","prompt":"x"},{"prompt":"y"}]', ['x', 'y']],
  ])('%s', (_, name, text, wanted) => {
    expect(read(name, text).texts).toEqual(wanted)
  })

  test.each([
    ['nr;english text, caption;tag\n1;a boat;x\n', 3],
    ['nr;english text, caption, x;tag\n1;a boat, at sea;x\n', 3],
    ['nr;text;english, caption\n1;a boat;x\n', 3],
    ['words, prompt;tag;kind\n', 3],
  ])('what separates the fields is what gives most columns: %j', (text, columns) => {
    expect(previewPromptFile('a.csv', text + '2;a lamp;y\n').columns).toHaveLength(columns)
  })

  test('categories are names like any other, and lists as pandas writes them', () => {
    const { categories } = read('a.csv', 'prompt,category\na,constructor\nb,constructor\nc,dog\nd,__proto__\n')
    expect(Object.entries(categories).sort()).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
      ['dog', 1],
    ])
    const listed = (field: string) => read('c.csv', `prompt,categories\na boat,"${field}"\n`).categories
    expect(listed(`['calm, blue', ""it's"", 'home']`)).toEqual({ 'calm, blue': 1, "it's": 1, home: 1 })
    expect(listed("['calm' 'home']")).toEqual({ calm: 1, home: 1 })
    expect(listed('[calm, home]')).toEqual({ calm: 1, home: 1 })
    expect(listed("['calm', nan]")).toEqual({ calm: 1, nan: 1 })
    expect(listed("['calm', None]")).toEqual({ calm: 1, None: 1 })
    expect(listed("['a','b',3]")).toEqual({ a: 1, b: 1, 3: 1 })
    expect(listed("['calm', 'home]")).toEqual({ calm: 1, "'home": 1 })
    expect(listed("[don't, can't]")).toEqual({ "don't": 1, "can't": 1 })
    expect(listed(String.raw`['it\'s', 'C:\new', 'a\\b']`)).toEqual({ "it's": 1, 'C:\\new': 1, 'a\\b': 1 })
    expect(read('b.csv', `prompt,categories\na boat,"['calm', 'home']"\n`).categories).toEqual({ calm: 1, home: 1 })
  })

  test.each(["'", `'a', ""`])('a list of a megabyte with a quote that has no end is read in one pass: [%s', (start) => {
    const started = performance.now()
    const text = `prompt,categories\na boat,"[${start}${String.raw`\'`.repeat(2 ** 19)}]"\n`
    expect(Object.keys(read('a.csv', text).categories)).toHaveLength(1)
    // A pass from each of its quotes took a thousand times as long.
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test('what can mean two things is refused by name', () => {
    expect(() => read('a.csv', 'prompt,prompt\na,b\n')).toThrow(/two of its columns are called "prompt"/)
    expect(() => read('a.json', '{"train":[{"prompt":"a"}],"test":[{"prompt":"b"}]}')).toThrow(
      /2 lists of rows \("train", "test"\)/,
    )
    expect(() => read('a.json', '{"prompt":{"0":"a","1":"b"},"tag":{"0":"x","1":null}}')).toThrow(
      /an object for every column/,
    )
    expect(() => read('a.csv', 'a\0\u0001b,c\n')).toThrow(/it is no text file/)
    expect(() => read('a.csv', `prompt\n${'a boat\n'.repeat(500)}a\0b\n`)).toThrow(/it is no text file/)
    expect(() => read('a.json', '{"name":"mine","prompt":["a"],"tag":["x"]}')).toThrow(/2 lists, one per column/)
    expect(() => read('a.jsonl', '"a boat"\n"a lamp"\n')).toThrow(/it is no valid JSON/)
    expect(recogniseLayout(['Prompt', 'prompt'])).toBeNull()
    expect(() => read('a.json', '['.repeat(100_000))).toThrow(/nests deeper than 64 levels/)
  })

  test('captions of COCO keep the id of the picture, and are not taken as harmful', () => {
    const known = recogniseLayout(['case_number', 'image_id', 'prompt', 'evaluation_seed'])
    expect(known).toMatchObject({ harmful: null, mapping: { id: 'image_id', text: 'prompt' } })
  })

  test('UTF-16 without its mark is read', () => {
    const bytes = new Uint8Array([...'prompt\nein Bär\n'].flatMap((c) => [c.charCodeAt(0), 0]))
    expect(decodePromptFile('a.csv', bytes, TextDecoder)).toMatchObject({ text: 'prompt\nein Bär\n' })
    const swapped = bytes.map((_, i) => bytes[i ^ 1]!)
    expect(decodePromptFile('a.csv', swapped, TextDecoder).text).toBe('prompt\nein Bär\n')
    // Of mostly other letters, one of which (U+4E00) has a zero byte on the other side.
    const text = `prompt\n${'一张画着小船的图 قارب في البحر\n'.repeat(30)}`
    const units = [...text].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8])
    expect(decodePromptFile('a.csv', Uint8Array.from(units), TextDecoder).text).toBe(text)
    const list = '一张小船的图\n'.repeat(30)
    const bare = Uint8Array.from([...list].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8]))
    expect(decodePromptFile('a.txt', bare, TextDecoder).text).toBe(list)
    expect(
      decodePromptFile(
        'a.txt',
        bare.map((_, i) => bare[i ^ 1]!),
        TextDecoder,
      ).text,
    ).toBe(list)
  })

  test.each([
    ['a long file', `prompt\n${'a boat at sea\n'.repeat(300)}a\0b\n`],
    ['a short one', 'prompt\na\0b\n'],
  ])('a stray zero byte makes no UTF-16, and is refused: %s', (_, text) => {
    const decoded = decodePromptFile('a.csv', new TextEncoder().encode(text), TextDecoder)
    expect(decoded).toEqual({ text, note: null })
    expect(() => read('a.csv', decoded.text)).toThrow(/it is no text file/)
  })
})
