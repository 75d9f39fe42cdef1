/**
 * What the page says, read from its source: components stay plain English. wuchale's adapter for Svelte takes the
 * sentences of the markup and puts the catalogue in their place; whatever else is drawn (texts of the state, errors,
 * notes of a report) stays English in memory and in records, and is translated where a component draws it: `wrap`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { adapter, svelteDefaultHeuristic } from '@wuchale/svelte'
import MagicString from 'magic-string'
import { parse } from 'svelte/compiler'
import { parseScript } from 'wuchale/adapter-vanilla'

/** Every language but English, in which the source is written. */
export const LANGUAGES = ['ar', 'es', 'fr', 'hi']

const LANGUAGE = 'state/page/language.svelte'
/** Attributes that people read or hear. */
const READ = new Set(['aria-label', 'aria-description', 'aria-valuetext', 'title', 'placeholder', 'alt'])
/** Elements whose text is for machines. */
const VERBATIM = new Set(['code', 'pre', 'script', 'style', 'path', 'kbd'])
/** What names things, and never a sentence. */
const NAMES = new Set(['class', 'id', 'for', 'href', 'type', 'name', 'role', 'lang', 'dir', 'd', 'points', 'viewBox'])

/** Text that somebody wrote, such as a prompt, is marked with its language or with `dir="auto"`, and stays as it is. */
const attribute = (node, name) => node.attributes?.find((item) => item.type === 'Attribute' && item.name === name)
const isAuto = (dir) => parts(dir).some((part) => part.type === 'Text' && part.data === 'auto')
function verbatim(node) {
  const dir = attribute(node, 'dir')
  return VERBATIM.has(node.name) || !!attribute(node, 'lang') || (!!dir && isAuto(dir))
}

const isNode = (value) => typeof value === 'object' && value !== null && typeof value.type === 'string'
export function* children(node) {
  for (const [key, value] of Object.entries(node)) {
    if (key === 'parent' || key === 'typeAnnotation' || key === 'typeArguments' || key === 'returnType') continue
    if (isNode(value)) yield value
    else if (Array.isArray(value)) for (const item of value) if (isNode(item)) yield item
  }
}

/** `{title}` for `title={title}`. */
const shorthandOf = (attribute, part) =>
  part.expression.start === attribute.start + 1 ? { at: attribute.start, name: attribute.name } : null

const parts = (attribute) => (Array.isArray(attribute.value) ? attribute.value : [attribute.value])

/** Expressions whose value is drawn: those between tags, and those of attributes that people read. */
function* drawn(node) {
  if (node.type === 'RegularElement' && verbatim(node)) return
  if (node.type === 'Attribute') {
    const component = node.owner === 'Component'
    const mixed = parts(node).some((part) => part.type === 'Text' && /\p{L}{2}/u.test(part.data))
    if (component ? mixed && !NAMES.has(node.name) : READ.has(node.name))
      for (const part of parts(node))
        if (part.type === 'ExpressionTag') yield { ...part.expression, shorthand: shorthandOf(node, part) }
    // A snippet or an arrow function in an attribute may draw as well; its own tags are found below.
    return
  }
  if (node.type === 'ExpressionTag') {
    yield node.expression
    return
  }
  for (const child of children(node)) {
    if (child.type === 'Attribute') child.owner = node.type
    yield* drawn(child)
  }
}

/** @returns the component with `_say_(…)` around all it draws, as a MagicString, or null where it draws nothing */
export function wrap(code) {
  const { fragment } = parse(code, { modern: true })
  const text = new MagicString(code)
  let found = false
  for (const { start, end, type, shorthand } of drawn(fragment)) {
    if (type === 'Literal') continue
    if (shorthand) text.appendLeft(shorthand.at, `${shorthand.name}=`)
    text.appendLeft(start, '_say_(').appendRight(end, ')')
    found = true
  }
  return found ? text : null
}

/** Sentences of the markup are messages; strings of the script are not: they are translated where they are drawn. */
export function heuristic(message) {
  const { scope, attribute: name, element } = message.details
  if (scope === 'script' || (scope === 'attribute' && NAMES.has(name)) || VERBATIM.has(element)) return false
  const [text] = message.msgStr
  if (!/\p{L}{2}/u.test(text)) return false
  if (scope === 'attribute') {
    const component = /^[A-Z]/.test(element ?? '')
    return READ.has(name) || (component && (/\s/.test(text.trim()) || /^[A-Z]/.test(text))) ? 'message' : false
  }
  return svelteDefaultHeuristic(message) === false ? false : 'message'
}

const svelte = adapter({ loader: 'custom', heuristic })

/**
 * @param index numbers messages in the order in which they are met
 * @returns `messages` of one component's markup, and `output`, the code that draws them from the catalogue
 */
export async function compileComponent(code, file, index) {
  const depth = file.split('/').length - 2
  const from = `${depth === 0 ? './' : '../'.repeat(depth)}${LANGUAGE}`
  const wrapped = wrap(code)
  const { msgs, output } = await svelte.transform({
    content: wrapped?.toString() ?? code,
    filename: file,
    index,
    expr: { plain: "_w_load_('page')", reactive: "_w_load_('page')" },
    matchUrl: () => null,
  })
  const imports = `import { catalogue as _w_load_, say as _say_ } from '${from}'`
  return { messages: msgs, output: msgs.length > 0 || wrapped ? () => output(imports) : null }
}

/** Folders whose strings a person may meet; commands and what is published as a file stay English, but for a file's name in the menu. */
const FOLDERS = ['src/core', 'src/evaluation', 'src/runtime', 'src/state', 'src/ui', 'src/wiring', 'workers']
const isSource = (file) =>
  /\.(ts|svelte)$/.test(file) && !/\.d\.ts$|^src\/evaluation\/publish\/(?!formats\.)/.test(file)

/** @returns the files with sentences, in a fixed order, each with its code */
export function sourceFiles(root) {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true }).map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
  )
  const sources = files.filter(isSource).sort()
  return sources.map((file) => ({ file, code: readFileSync(`${root}/${file}`, 'utf8') }))
}

/** The syntax trees of a file: of a component its scripts and its markup. */
export function trees(file, code) {
  if (!file.endsWith('.svelte')) return [parseScript(code)[0]]
  const { instance, module, fragment } = parse(code, { modern: true })
  return [module?.content, instance?.content, fragment].filter(Boolean)
}
