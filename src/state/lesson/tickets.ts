/** The exit ticket: its questions, what of a lesson goes into it, and its link. */
import { decodeTicket, looksLikeTicket, MAX_ANSWER, type Ticket } from '../../evaluation/lesson/ticket'
import type { Lesson } from './lesson.svelte'

export { decodeTicket, looksLikeTicket, MAX_ANSWER }
export type TicketView = Ticket

export const ticketQuestions = [
  'Which number surprised you most, and what had you expected?',
  'A company says: “Our model is safe.” What would you ask them?',
  'Your classmates got other numbers from the same training. Why?',
] as const

/** What of a lesson its ticket holds. */
export function ticketOf({ answers, questions, mine }: Pick<Lesson, 'answers' | 'questions' | 'mine'>): Ticket {
  const own = mine?.counts.fineTuned ?? null
  return {
    answers: ticketQuestions.map((_, i) => answers[i] ?? ''),
    guesses: (['safe', 'back'] as const).flatMap((question) => {
      const { locked } = questions[question]
      return locked ? [{ question, guess: locked.guess, of: locked.of }] : []
    }),
    own: own ? [own[0], own[1]] : null,
  }
}
