/** Files of the user's own on their way into the page. */
import type { Page } from 'playwright'
import type { OwnFiles } from './ownFiles'
import { inPage } from './page'

/** Hands the files to the page; a harmful prompt file is then what the run measures. Returns what a person should know. */
export async function giveFiles(
  page: Page,
  { prompts, adapters }: OwnFiles,
  parameters: Record<string, string>,
): Promise<string[]> {
  const said: string[] = []
  if (prompts) {
    const { file, choices } = prompts
    const taken = await inPage<{ suite: string; prompts: number; notes: string[] }>(
      page,
      `globalThis.spqr.addPrompts(${JSON.stringify(file)}, ${JSON.stringify(choices)})`,
    )
    said.push(`${taken.prompts} prompts of ${taken.suite}`, ...taken.notes)
    if (choices.harmful && parameters.suites === undefined) parameters.suites = taken.suite
  }
  for (const { role, files } of adapters) {
    const taken = await inPage<{ name: string; facts: string }[]>(
      page,
      `globalThis.spqr.addAdapters(${JSON.stringify(role)}, ${JSON.stringify(files)}, ${JSON.stringify(parameters)})`,
    )
    for (const { name, facts } of taken) said.push(`${role}: ${name}, ${facts}`)
  }
  return said
}
