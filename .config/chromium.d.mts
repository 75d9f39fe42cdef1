export function findChromium(): string
export function ensureChromium(): string
export const CHROMIUM_ARGS: string[]
