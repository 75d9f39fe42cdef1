/** What of the scripts that the first screen waits for is used by it: the Coverage of Chromium's developer tools. */
import { gzipSync } from 'node:zlib'
import type { CDPSession, Page } from '@playwright/test'

export interface LoadedScripts {
  /** Bytes of the entry and of all that it imports statically, by gzip. */
  bytes: number
  /** Those of them that had not run. */
  unused: number
}

interface Range {
  startOffset: number
  endOffset: number
  count: number
}

/** Share of a script's characters that no function which ran holds; inner ranges overrule outer ones. */
function unusedShare(length: number, ranges: readonly Range[]): number {
  const used = new Uint8Array(length).fill(1)
  const outerFirst = [...ranges].sort((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset))
  for (const { startOffset, endOffset, count } of outerFirst) used.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  return used.reduce((unused, one) => unused + 1 - one, 0) / length
}

/** Opens `url` and counts once `ready` has ended. Scripts that arrive behind the first screen do not count. */
export async function loadedScripts(page: Page, url: string, ready: () => Promise<void>): Promise<LoadedScripts> {
  const session: CDPSession = await page.context().newCDPSession(page)
  await session.send('Profiler.enable')
  await session.send('Profiler.startPreciseCoverage', { callCount: false, detailed: true })
  await page.goto(url)
  await ready()
  const { result } = await session.send('Profiler.takePreciseCoverage')
  const html = await (await page.request.get(url)).text()
  const first = new Set(
    [...html.matchAll(/(?:src|href)="([^"]+\.js)"/g)].map(([, path]) => new URL(path ?? '', page.url()).href),
  )
  let [bytes, unused] = [0, 0]
  for (const { url: script, functions } of result) {
    if (!first.has(script)) continue
    const text = await (await page.request.get(script)).text()
    const size = gzipSync(text).length
    bytes += size
    unused +=
      size *
      unusedShare(
        text.length,
        functions.flatMap(({ ranges }) => ranges),
      )
  }
  await session.detach()
  return { bytes, unused }
}
