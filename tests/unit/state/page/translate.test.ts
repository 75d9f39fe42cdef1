import { describe, expect, test } from 'vitest'
import { createTranslator, ENGLISH, isolated } from '../../../../src/state/page/translate'

const french = createTranslator({
  sentences: [
    ['Aligned', 'Aligné'],
    ['lite', 'légère'],
    ['Run {0}, {1}', 'Lancer {0}, {1}'],
    ['{0} to {1}', '{0} à {1}'],
    ['{0} of {1} methods share the first rank', '{1} méthodes, dont {0} au premier rang'],
    ['The prompt is empty.', 'La consigne est vide.'],
    ['Type one.', 'Écrivez-en une.'],
    ['Saved {0}. (Twice?)', 'Enregistré : {0}. (Deux fois ?)'],
    ['The address {0}.', 'L’adresse {0}.'],
    ['The address names {0}, which nobody knows.', 'L’adresse nomme {0}, que personne ne connaît.'],
  ],
  counted: { '{0} prompt': ['{0} consigne', '{0} consignes'] },
  formOf: (n) => Number(n >= 2),
})

describe('a translator', () => {
  test('says what the catalogue holds and leaves all else', () => {
    expect(french.say('Aligned')).toBe('Aligné')
    expect(french.say('a kitchen knife')).toBe('a kitchen knife')
    expect(french.say('12.5')).toBe('12.5')
  })

  test('finds a sentence again by its fixed letters, its parts in the order of the language', () => {
    expect(french.say('3 of 7 methods share the first rank')).toBe('7 méthodes, dont 3 au premier rang')
    expect(french.say('Saved a+b. (Twice?)')).toBe('Enregistré : a+b. (Deux fois ?)')
  })

  test('takes sentences one by one before it takes all of them for one', () => {
    expect(french.say('The address names "a", which nobody knows. The prompt is empty. Type one.')).toBe(
      'L’adresse nomme "a", que personne ne connaît. La consigne est vide. Écrivez-en une.',
    )
    expect(french.say('Saved x. (Twice?)')).toBe('Enregistré : x. (Deux fois ?)')
  })

  test('never takes a few letters for a sentence: they may be somebody’s text', () => {
    expect(french.say('from a cat to a dog')).toBe('from a cat to a dog')
    expect(french.fill('{0} to {1}', ['1', '2'])).toBe('1 à 2')
  })

  test('leaves the marks between somebody’s own words as they are', () => {
    expect(french.say('a cat; a dog, a hen')).toBe('a cat; a dog, a hen')
  })

  test('translates names in quotation marks', () => {
    expect(french.say('“Aligned”, lite')).toBe('“Aligné”, légère')
  })

  test('keeps somebody’s words apart from the language around them', () => {
    const arabic = createTranslator({
      sentences: [
        ['The file {0} is empty, says the page.', 'الملف {0} فارغ، تقول الصفحة.'],
        ['Aligned', 'موائم'],
      ],
      counted: {},
      formOf: () => 0,
      rightToLeft: true,
    })
    expect(arabic.say('The file a.csv (2) is empty, says the page.')).toBe(
      'الملف \u2068a.csv (2)\u2069 فارغ، تقول الصفحة.',
    )
    expect(arabic.say('The file Aligned is empty, says the page.')).toBe('الملف موائم فارغ، تقول الصفحة.')
    expect(isolated('a cat', true)).toBe('\u2068a cat\u2069')
    expect(isolated('\u2068a cat\u2069', true)).toBe('\u2068a cat\u2069')
    expect(isolated('سكين', true)).toBe('سكين')
    expect(isolated('سكين', false)).toBe('\u2068سكين\u2069')
    expect(isolated('12.5', true)).toBe('12.5')
  })

  test('translates the parts of a sentence, too', () => {
    const other = createTranslator({
      sentences: [
        ['lite', 'légère'],
        ['The profile is {0}.', 'Le profil est {0}.'],
      ],
      counted: {},
      formOf: () => 0,
    })
    expect(other.say('The profile is lite.')).toBe('Le profil est légère.')
  })

  test('translates sentences that stand one after the other, and lists with a dot between', () => {
    expect(french.say('The prompt is empty. Type one.')).toBe('La consigne est vide. Écrivez-en une.')
    expect(french.say('Aligned · lite')).toBe('Aligné · légère')
  })

  test('counts in the forms of the language', () => {
    expect(french.counted(1, '1', 'prompt')).toBe('1 consigne')
    expect(french.counted(64, '64', 'prompt')).toBe('64 consignes')
    expect(french.counted(64, '64', 'picture')).toBeNull()
  })
})

test('English says what is written', () => {
  expect(ENGLISH.say('Aligned')).toBe('Aligned')
  expect(ENGLISH.fill('{0} to {1}', ['1', '2'])).toBe('1 to 2')
})
