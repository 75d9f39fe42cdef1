/** A Redis of the test's own on a Unix socket, and the farm's commands as processes beside it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const PASSWORD = 'a-word-for-the-test'
/** Why there is no Redis to test with; null when there is one. */
export const noRedis: string | null =
  process.env.CI || process.env.SPQR_FARM === 'no'
    ? 'CI and "npm test" leave it out; "npx vitest run --project unit tests/unit/cli/farm" takes it in'
    : spawnSync('redis-server', ['--version']).status === 0
      ? null
      : 'there is no redis-server on this machine'

export class TestRedis {
  readonly folder = mkdtempSync(join(tmpdir(), 'spqr-farm-'))
  readonly socket = join(this.folder, 'redis.sock')
  readonly url = `unix:${this.socket}?password=${PASSWORD}`
  private server: ChildProcess | null = null

  /** Starts it with what it had; resolves once it takes connections. */
  async start(): Promise<void> {
    const words = ['--port', '0', '--unixsocket', this.socket, '--requirepass', PASSWORD, '--dir', this.folder]
    const safety = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction']
    const server = spawn('redis-server', [...words, ...safety], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.server = server
    await said(server, /ready to accept connections/i)
  }

  async stop(): Promise<void> {
    const { server } = this
    if (!server) return
    this.server = null
    const gone = exited(server)
    server.kill('SIGTERM')
    await gone
  }

  async end(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Everything that was ever written to it. */
  written(): string {
    const read = (path: string): string =>
      statSync(path).isDirectory()
        ? readdirSync(path)
            .map((name) => read(join(path, name)))
            .join('\n')
        : statSync(path).isFile()
          ? readFileSync(path, 'latin1')
          : ''
    return read(this.folder)
  }

  /** A command of the farm as a process. `variables` make it another machine. */
  farm(args: readonly string[], variables: Record<string, string> = {}, script = 'tests/helpers/farm.ts'): Farm {
    return new Farm(
      spawn(process.execPath, ['--import', 'tsx', script, ...args], {
        env: { ...process.env, SPQR_REDIS: this.url, ...variables },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  }
}

export class Farm {
  out = ''
  error = ''
  readonly ended: Promise<{ status: number | null; out: string; error: string }>

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (data) => (this.out += String(data)))
    child.stderr?.on('data', (data) => (this.error += String(data)))
    this.ended = exited(child).then((status) => ({ status, out: this.out, error: this.error }))
  }

  /** Resolves when the process says it; rejects with all it said when it ends before. */
  async says(what: RegExp): Promise<void> {
    if (what.test(this.out + this.error)) return
    await Promise.race([
      said(this.child, what),
      this.ended.then(({ out, error }) => {
        if (!what.test(out + error)) throw new Error(`It ended without saying ${String(what)}: ${out}${error}`)
      }),
    ])
  }
}

function exited(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)))
}

function said(child: ChildProcess, what: RegExp): Promise<void> {
  return new Promise((resolve) => {
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data) => {
        text += String(data)
        if (what.test(text)) resolve()
      })
  })
}
