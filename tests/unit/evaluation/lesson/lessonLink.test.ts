import { expect, test } from 'vitest'
import { lessonQuery, readLessonLink, splitLesson } from '../../../../src/evaluation/lesson/lessonLink'
import { defaultParameters, parseParameters, queryPairs } from '../../../../src/evaluation/spec/params'

const read = (query: string) => readLessonLink(splitLesson(queryPairs(query)).lesson)

test('a link says where to begin, what is locked and what is hidden, beside the settings', () => {
  const values = { ...defaultParameters(), method: 'uce', 'train-steps': 30 }
  const link = { step: 'train', locks: ['method', 'train'], hides: ['compare'] } as const
  const query = lessonQuery(link, values)
  expect(query).toBe('?lesson=1&step=4&method=uce&train-steps=30&lock=method,train&hide=compare')
  expect(read(query)).toEqual({ link, problems: [] })
  const { values: again, unknown } = parseParameters(splitLesson(queryPairs(query)).settings)
  expect([again, unknown]).toEqual([values, []])
})

test('without `lesson` an address is no lesson link, and its names are settings', () => {
  expect(splitLesson(queryPairs('?method=uce&lock=method'))).toEqual({
    lesson: [],
    settings: [
      ['method', 'uce'],
      ['lock', 'method'],
    ],
  })
})

test('a link of a later version is refused in one sentence, and nothing of it is taken', () => {
  expect(() => read('?lesson=2&lock=method')).toThrow(
    'The lesson link has format "2"; this page reads format 1, so nothing of the link was taken.',
  )
})

test('locks on unknown settings, unknown hides and steps are told, and the others hold', () => {
  expect(read('?lesson=1&step=12&lock=method,colour,method&hide=compare,advert')).toEqual({
    link: { step: 'wall', locks: ['method'], hides: ['compare'] },
    problems: [
      'The lesson link begins at step "12"; the lesson has steps 1 to 8, so it begins at step 1.',
      'The lesson link locks "colour", which this page has no setting for; its other locks hold.',
      'The lesson link hides "advert", which this page does not have; it can hide settings, report, gallery, compare, about.',
    ],
  })
})
