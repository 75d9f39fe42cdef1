import type { HtmlTagDescriptor, Plugin } from 'vite'

export function addressTags(address: string | undefined): HtmlTagDescriptor[]
export function pageAddress(): Plugin
