export function sentencesOf(file: string, code: string): { sentences: string[]; nouns: [string, string][] }
