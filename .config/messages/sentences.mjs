/** Sentences in scripts: collected, never replaced, so that records, links and exports stay as they are. */
import { children, trees } from './source.mjs'

/** Errors for programmers, and what is compared rather than read. */
const SILENT_CALLS = /^(console\.|Error$|TypeError$|RangeError$|querySelector|getElementById|fetch$|import$|require$)/

const calleeName = (node) =>
  node.type === 'Identifier'
    ? node.name
    : node.type === 'MemberExpression'
      ? `${calleeName(node.object)}.${node.property.name ?? ''}`
      : ''

/** Flattens "a" + b + `c ${d}` into one sentence with {0}, {1}…; null where no part is a string. */
function flatten(node) {
  if (node.type === 'Literal') return typeof node.value === 'string' ? [node.value] : null
  if (node.type === 'TemplateLiteral')
    return node.quasis.flatMap(({ value }, i) =>
      i < node.expressions.length ? [value.cooked ?? '', node.expressions[i]] : [value.cooked ?? ''],
    )
  if (node.type === 'BinaryExpression' && node.operator === '+') {
    const left = flatten(node.left)
    const right = flatten(node.right)
    return left || right ? [...(left ?? [node.left]), ...(right ?? [node.right])] : null
  }
  return null
}

function sentenceOf(pieces) {
  let next = 0
  return pieces.map((piece) => (typeof piece === 'string' ? piece : `{${next++}}`)).join('')
}

/** Whether a person may read this: two words or more; in the page's own code a single word with a capital, too. */
export function readable(sentence, page) {
  if (/[\n\\]|=>|;\s*$|\{\{|^\.{0,2}\/|^[\w-]+\/[\w.-]+$|https?:\/\//.test(sentence)) return false
  const words = sentence.replace(/\{\d+\}/g, ' # ').match(/\p{L}[\p{L}’'-]*/gu) ?? []
  if (!words.some((word) => /\p{Ll}{2}/u.test(word)) && !/\p{L}\p{Ll} \p{L}/u.test(sentence)) return false
  if (/^[A-Z][a-z]+[?:]?$/.test(sentence)) return page
  if (!/\s/.test(sentence.trim())) return false
  if (/^[\w-]+\(|[<>]|={2}|\w=\w|\w\.\w+\(|^@|\d+px|var\(--/.test(sentence)) return false
  return words.length > 1 || (page && /\{\d+\}/.test(sentence))
}

const isSilent = (node) =>
  (node.type === 'CallExpression' || node.type === 'NewExpression') && SILENT_CALLS.test(calleeName(node.callee))

function walk(node, page, found) {
  if (/^(Import|ExportAll|TS(Type|Interface|Literal|Union))/.test(node.type) || isSilent(node)) return
  if (node.type === 'RegularElement' && ['code', 'pre', 'style'].includes(node.name)) return
  if (node.type === 'Attribute' && /^(class|id|style)$/.test(node.name)) return
  if (node.type === 'CallExpression' && calleeName(node.callee) === 'count') found.nouns.push(nounsOf(node))
  const pieces = flatten(node)
  if (pieces) {
    const sentence = sentenceOf(pieces)
    if (readable(sentence, page)) found.sentences.push(sentence)
    for (const piece of pieces) if (typeof piece !== 'string') walk(piece, page, found)
    return
  }
  for (const child of children(node)) walk(child, page, found)
}

/** `count(n, 'prompt')` → ['{0} prompt', '{0} prompts']; null where a noun is no plain string. */
function nounsOf({ arguments: [, one, other] }) {
  const nouns = [one, other].map((node) => (node?.type === 'Literal' ? node.value : null))
  if (typeof nouns[0] !== 'string') return null
  return [`{0} ${nouns[0]}`, `{0} ${nouns[1] ?? `${nouns[0]}s`}`]
}

/** @returns sentences and counted nouns in one file */
export function sentencesOf(file, code) {
  const found = { sentences: [], nouns: [] }
  const page = /^src\/(state|ui)\//.test(file)
  for (const tree of trees(file, code)) walk(tree, page, found)
  return { sentences: [...new Set(found.sentences)], nouns: found.nouns.filter(Boolean) }
}
