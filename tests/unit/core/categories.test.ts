/** Labels of several categories, and what a record counts a prompt under. */
import { expect, test } from 'vitest'
import { categoriesOf, categoryNames, countedUnder, joinCategories } from '../../../src/core/categories'

test('a label reads back as the names it was joined from, wherever a bar stands', () => {
  const ends = ['a', '|', 'a |', '| a', '||', ' | ', 'b|', '|b', ' c ', 'a | b', '| | d |', '']
  for (const one of ends)
    for (const two of ends)
      expect(categoriesOf(joinCategories([one, two], 100)), `${one} + ${two}`).toEqual(
        categoryNames([one, two]).length > 0 ? categoryNames([one, two]) : [''],
      )
  expect(joinCategories(['a |', 'b'], 100)).toBe('a | b')
  expect(categoryNames(['a|b', '|', 'c ||'])).toEqual(['a|b', 'c'])
})

test('only records of rule 2 count under each category', () => {
  expect(countedUnder('a | b', 2)).toEqual(['a', 'b'])
  expect(countedUnder('a | b', 1)).toEqual(['a | b'])
  // A record that names no rule is one of rule 1.
  expect(countedUnder('a | b', undefined)).toEqual(['a | b'])
})
