/** Index of the quote that closes the string opening at `start`. */
function closingQuote(json: string, start: number): number {
  let end = start + 1
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1
  return end
}

/**
 * First key that appears twice in one object of a JSON text known to be valid; null when none does.
 * JSON.parse keeps the last of two equal keys silently, which would let a file show one tensor to a
 * checker and another to a reader.
 */
export function firstDuplicateKey(json: string): string | null {
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(null)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = closingQuote(json, i)
      let next = end + 1
      while (next < json.length && ' \t\r\n'.includes(json[next]!)) next++
      const keys = open.at(-1)
      if (json[next] === ':' && keys) {
        const key = JSON.parse(json.slice(i, end + 1)) as string
        if (keys.has(key)) return key
        keys.add(key)
      }
      i = end
    }
  }
  return null
}
