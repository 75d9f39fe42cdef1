import type { Plugin } from 'vite'

export function messages(options?: { components?: boolean }): Plugin
