/** The connection to Redis: by URL or Unix socket, with its password, and refused where it would lose work. */
import type { ConnectionOptions } from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import { SpqrError } from '../../core/contracts'

/** Where Redis is, in an environment variable: a command line with a password can be read by everybody on the machine. */
export const REDIS_VARIABLE = 'SPQR_REDIS'
const FALLBACK = 'redis://127.0.0.1:6379'
const CONNECT_MS = 10_000

/**
 * Reads `redis://:password@host:port/db`, `rediss://…`, `unix:/path?password=…` or the path of a socket.
 * @throws {SpqrError} BAD_INPUT for anything else
 */
export function redisOptions(given = process.env[REDIS_VARIABLE] ?? FALLBACK): RedisOptions {
  if (given.startsWith('/')) return { path: given }
  let url: URL
  try {
    url = new URL(given)
  } catch {
    throw wrongAddress()
  }
  const password = url.protocol === 'unix:' ? url.searchParams.get('password') : decodeURIComponent(url.password)
  const secret = password ? { password } : {}
  if (url.protocol === 'unix:') return { path: decodeURIComponent(url.pathname), ...secret }
  if ((url.protocol !== 'redis:' && url.protocol !== 'rediss:') || url.hostname === '') throw wrongAddress()
  const db = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1]
  if (db === undefined) throw wrongAddress()
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    db: Number(db),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...secret,
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

// The address itself is not shown: it may hold a password.
const wrongAddress = () =>
  new SpqrError(
    'BAD_INPUT',
    'The address of Redis cannot be read.',
    `Write redis://:password@host:6379 or unix:/path/to/redis.sock into ${REDIS_VARIABLE} or behind --redis.`,
  )

const placeOf = ({ path, host, port }: RedisOptions): string => path ?? `${host}:${port}`

const unreachable = (options: RedisOptions, why: string) =>
  new SpqrError(
    'BAD_INPUT',
    `Redis at ${placeOf(options)} cannot be used (${why}).`,
    'Check that it runs and that the address and password are right; nothing made so far is lost.',
  )

/** What ioredis and Redis say, as a word or two; their own sentences may quote what was sent. */
function whyOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : ''
  if (/NOAUTH|WRONGPASS|ERR AUTH/.test(text)) return 'the password is missing or wrong'
  if (thrown instanceof Error && 'code' in thrown) return String(thrown.code)
  return /^[A-Z]{2,}\b/.exec(text)?.[0] ?? 'the connection was lost'
}

export interface Connected {
  redis: Redis
  /** For BullMQ, which opens connections of its own. */
  options: RedisOptions
}

/**
 * Connects, for a command that ends (`patient` false: what fails is told at once) or for a worker, which waits until a
 * Redis that went away is there again.
 * @throws {SpqrError} BAD_INPUT when it cannot be reached, or would throw away what it holds when memory is short
 */
export async function connect(given: string | undefined, patient: boolean): Promise<Connected> {
  const address = redisOptions(given)
  const first = new Redis({ ...address, lazyConnect: true, connectTimeout: CONNECT_MS, retryStrategy: () => null })
  let cause: unknown = null
  first.on('error', (error) => (cause = error))
  try {
    await first.connect()
    const policy = await first.config('GET', 'maxmemory-policy').catch(() => null)
    const name: unknown = Array.isArray(policy) ? policy[1] : null
    if (typeof name === 'string' && name !== 'noeviction')
      throw new SpqrError(
        'BAD_INPUT',
        `Redis at ${placeOf(address)} throws data away when memory is short (maxmemory-policy ${name}).`,
        'Start it with --maxmemory-policy noeviction.',
      )
  } catch (thrown) {
    throw thrown instanceof SpqrError ? thrown : unreachable(address, whyOf(cause ?? thrown))
  } finally {
    first.disconnect()
  }
  const options: RedisOptions = {
    ...address,
    connectTimeout: CONNECT_MS,
    maxRetriesPerRequest: patient ? null : 1,
    retryStrategy: patient ? (times) => Math.min(250 * times, 5000) : () => null,
  }
  const redis = new Redis(options)
  redis.on('error', () => undefined)
  return { redis, options }
}

/** The same options under the name that BullMQ has for them; its workers wait for Redis whatever happens. */
export const forQueue = (options: RedisOptions): ConnectionOptions => ({ ...options }) as ConnectionOptions

/** What went wrong in a command that was talking to Redis, as one sentence. */
export function redisError(thrown: unknown, options: RedisOptions): SpqrError {
  if (thrown instanceof SpqrError) return thrown
  const text = thrown instanceof Error ? thrown.message : ''
  if (/^OOM /.test(text))
    return new SpqrError(
      'STORAGE_FULL',
      `Redis at ${placeOf(options)} has no memory left.`,
      'Collect with --free what is finished, or give it more (maxmemory).',
    )
  return unreachable(options, whyOf(thrown))
}
