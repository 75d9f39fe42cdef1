import type { Plugin } from 'vite'

/** Bytes that the lesson takes of a pack's folder. */
export function packBytes(folder: string): number
export function download(): Plugin
