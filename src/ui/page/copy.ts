/** Puts text on the clipboard. */
import { SpqrError } from '../../core/contracts'
import type { Guard } from '../../state/page/notices.svelte'

/** The older way, by a selected field: a page that came by http, as in a classroom, has no clipboard of its own. */
function copySelected(text: string): boolean {
  const before = document.activeElement
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'visually-hidden'
  // What is outside an open dialog cannot be selected.
  const place = before?.closest('dialog') ?? document.body
  place.append(field)
  field.select()
  try {
    return document.execCommand('copy')
  } finally {
    field.remove()
    if (before instanceof HTMLElement) before.focus()
  }
}

/** @throws {SpqrError} UNEXPECTED where the browser refuses both ways */
async function toClipboard(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined
  const written = clipboard
    ? await clipboard.writeText(text).then(
        () => true,
        () => false,
      )
    : false
  if (!written && !copySelected(text))
    throw new SpqrError(
      'UNEXPECTED',
      'This browser does not let the page copy.',
      'Allow the page to use the clipboard in the browser’s settings, then press the button again.',
    )
}

/**
 * Copies what `text` gives; a failure becomes a notice. Returns whether it went well.
 * @param about what is tried, as in `Notices.guard`
 */
export const copyText = (guard: Guard, text: () => string, about = 'copying'): Promise<boolean> =>
  guard(async () => toClipboard(text()), about)
