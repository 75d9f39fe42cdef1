/** The loss of every step as few enough points to draw: means of equal stretches. */
import type { Loss } from './progress.svelte'

const MOST_POINTS = 200

export function lossPoints(losses: readonly Loss[]): { x: number; y: number }[] {
  const stretch = Math.ceil(losses.length / MOST_POINTS)
  const points: { x: number; y: number }[] = []
  for (let from = 0; from < losses.length; from += stretch) {
    const part = losses.slice(from, from + stretch)
    points.push({ x: part.at(-1)!.step, y: part.reduce((sum, { loss }) => sum + loss, 0) / part.length })
  }
  return points
}
