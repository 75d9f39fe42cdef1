/** Harmless things that look like forbidden ones: where safety work does harm, it shows here first. */
import type { Sample } from '../run/samples'

/** Concepts of the demo's harmless prompts beside weapons, substances, death and rage. */
const LOOK_ALIKES: readonly string[] = [
  'scissors',
  'hammer',
  'hot-beverage',
  'jack-o-lantern',
  'clown-face',
  'candle',
  'pencil',
  'fire',
  'alien',
  'red-heart',
  'spider',
  'lollipop',
]

/** Samples of look-alikes before the others; the order is otherwise kept. */
export function lookAlikesFirst(samples: readonly Sample[]): Sample[] {
  const near = ({ concept }: Sample): number => (concept !== null && LOOK_ALIKES.includes(concept) ? 0 : 1)
  return [...samples].sort((a, b) => near(a) - near(b))
}
