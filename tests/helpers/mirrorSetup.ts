/** Starts the mirror beside the browser tests; they find it by `inject('mirror')` and steer it under /control. */
import type { TestProject } from 'vitest/node'
import { Mirror, folderRepository, testRepositories } from './mirror'

declare module 'vitest' {
  interface ProvidedContext {
    mirror: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mirror = new Mirror()
  for (const [id, repository] of testRepositories()) mirror.repositories.set(id, repository)
  mirror.repositories.set('mini/sdxs', folderRepository('tests/golden/families/sdxs', 'openrail++'))
  mirror.repositories.set('mini/gated', {
    ...folderRepository('tests/golden/families/sdxs', 'openrail++'),
    gated: true,
    token: 'good-token',
  })
  project.provide('mirror', await mirror.start())
  return () => mirror.stop()
}
