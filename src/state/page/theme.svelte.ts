/** Light, dark, or as the system says; remembered on this machine. */
export const THEMES = ['system', 'light', 'dark'] as const
export type ThemeName = (typeof THEMES)[number]
const KEY = 'spqr-theme'

export class Theme {
  #name = $state<ThemeName>('system')

  constructor() {
    const stored = readStored()
    if (stored) this.set(stored)
  }

  get name(): ThemeName {
    return this.#name
  }

  set(name: ThemeName): void {
    this.#name = name
    document.documentElement.dataset.theme = name
    try {
      localStorage.setItem(KEY, name)
    } catch {
      // Private mode may refuse storage; the choice then lasts until the tab closes.
    }
  }

  next(): void {
    this.set(THEMES[(THEMES.indexOf(this.#name) + 1) % THEMES.length] ?? 'system')
  }
}

function readStored(): ThemeName | null {
  try {
    const stored = localStorage.getItem(KEY)
    return THEMES.find((name) => name === stored) ?? null
  } catch {
    return null
  }
}
