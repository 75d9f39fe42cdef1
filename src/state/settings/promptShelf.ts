/** Prompts of the reader's own that runs of this tab were made from, so that their results can be shared and checked. */
import { suitesOfRun, type Prompt, type RunSpec } from '../../core/contracts'
import { headOfHash, headOfSuite, promptFacts, type PromptFacts } from '../../evaluation/plan/plan'

export class PromptShelf {
  /** Newest first; texts stay in this tab. */
  #lists: readonly (readonly Prompt[])[] = []

  learn(prompts: readonly Prompt[]): void {
    if (prompts.length > 0 && !this.#lists.includes(prompts)) this.#lists = [prompts, ...this.#lists]
  }

  /**
   * The prompts a specification names: each suite from the first list that holds exactly its prompts, `others` last. They
   * have all of their categories; whoever plans with them labels them as the specification does.
   * A suite that none holds is left out, and whoever plans with the answer says so.
   */
  of(spec: RunSpec, others: readonly Prompt[] = []): Prompt[] {
    return suitesOfRun(spec.prompts).flatMap(({ suite, count, sha256 }) => {
      for (const prompts of [...this.#lists, others]) {
        const head = headOfSuite(prompts, suite, count)
        if (head.length === count && headOfHash(head.map(promptFacts), sha256) !== null) return head
      }
      return []
    })
  }

  facts(spec: RunSpec, others: readonly Prompt[]): PromptFacts[] {
    return this.of(spec, others).map(promptFacts)
  }
}
