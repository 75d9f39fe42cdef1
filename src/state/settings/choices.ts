/** Fine-tunes in words, for buttons and for the sentence that says what was taken instead. */
import type { FineTuneChoice } from '../../evaluation/spec/possible'
import type { Parameters } from '../../evaluation/spec/params'

export const choiceName = (profile: string): string => (profile === 'none' ? 'no fine-tuning' : profile)

/** "Take lite", "Train lite here, 30 steps", "No fine-tuning". */
export function offerText(choice: FineTuneChoice): string {
  if (choice.train && choice.train !== 'none') return `Train ${choice.train} here, ${choice['train-steps']} steps`
  if (!choice.profile || choice.profile === 'none') return 'No fine-tuning'
  return `Take ${choice.profile}, ${choice.scenario} data`
}

/** Why another fine-tune stands there than before. */
export function nearestNote({ profile, scenario, train }: Parameters, taken: FineTuneChoice): string {
  const wanted = train !== 'none' ? `${train} trained here` : `${choiceName(profile)} on ${scenario} data`
  const now =
    taken.train && taken.train !== 'none'
      ? `${taken.train} is trained here instead, ${taken['train-steps']} steps`
      : taken.profile === 'none'
        ? 'it runs without fine-tuning instead'
        : `${taken.profile} on ${taken.scenario} data is taken instead`
  return `The pack has no fine-tune ${wanted} for this method; ${now}.`
}
