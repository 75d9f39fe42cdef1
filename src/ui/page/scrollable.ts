/** A region that scrolls sideways can be reached by keyboard; one that fits is no extra stop. */
import type { Attachment } from 'svelte/attachments'

export const scrollable: Attachment<HTMLElement> = (region) => {
  const observer = new ResizeObserver(() => {
    if (region.scrollWidth > region.clientWidth) region.tabIndex = 0
    else region.removeAttribute('tabindex')
  })
  observer.observe(region)
  return () => observer.disconnect()
}
