import type { Server } from 'node:http'

/** Serves the folder of serve.mjs. */
export function serve(options?: { port?: number; host?: string }): Promise<Server>
