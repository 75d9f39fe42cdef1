/** A browser that Playwright cannot drive, reduced to what a journey needs: addresses, and functions run in the page. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface DrivenBrowser {
  readonly name: string
  /** Opens an address and waits until it is loaded, also where only the fragment differs. */
  goto(url: string): Promise<void>
  /** Runs a function in the page, as Playwright does: it and what it is given travel as text, as does what it returns. */
  evaluate<T, A = undefined>(work: (given: A) => T | Promise<T>, given?: A): Promise<T>
  screenshot(): Promise<Buffer>
  close(): Promise<void>
}

/** The text of a function's call whose result, a promise of JSON, says what came of it. */
export const callOf = (work: (given: never) => unknown, given: unknown): string =>
  `(async () => { try { return JSON.stringify({ value: await (${work.toString()})(${JSON.stringify(given) ?? 'undefined'}) }) } ` +
  `catch (error) { return JSON.stringify({ error: String(error?.message ?? error) }) } })()`

/** @throws Error what the page threw */
export function resultOf<T>(text: string): T {
  const { value, error } = JSON.parse(text) as { value: T; error?: string }
  if (error !== undefined) throw new Error(error)
  return value
}

export const firstOf = (paths: readonly (string | undefined)[]): string | undefined =>
  paths.find((path) => path !== undefined && path !== '' && existsSync(path))

/** A program, and its end. */
export class Program {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#process = spawn(command, args, options)
    this.#ended = once(this.#process, 'exit')
    // A test that ran out of time never comes to its end.
    const kill = () => this.#process.kill()
    process.once('exit', kill)
    this.#process.once('exit', () => process.off('exit', kill))
  }

  /** What a line of one of its outputs says. @throws Error when it ends before */
  async said(output: number, pattern: RegExp): Promise<string> {
    const lines = createInterface(this.#process.stdio[output] as Readable)
    const heard: string[] = []
    for await (const line of lines) {
      heard.push(line)
      const found = pattern.exec(line)?.[1]
      if (found === undefined) continue
      // What it says from here on is let go, or the full pipe would stop it.
      lines.on('line', () => undefined).resume()
      return found
    }
    throw new Error(`${this.#process.spawnfile} ended: ${heard.slice(-5).join(' ')}`)
  }

  async end(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill()
      await this.#ended
    }
  }
}
