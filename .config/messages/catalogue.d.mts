interface Problem {
  language: string
  english: string
  file: string
  problem: string
  page: boolean
}

export function check(root: string): Promise<{
  missing: Problem[]
  stale: { language: string; english: string }[]
  entries: number
}>
