/** Vite plug-in: components draw their sentences from catalogues, one module a language. */
import { fileURLToPath } from 'node:url'
import { relative } from 'node:path'
import { collect, moduleOf, readTranslations } from './catalogue.mjs'
import { compileComponent } from './source.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PREFIX = 'virtual:messages/'
const fileOf = (id) => relative(ROOT, id).replaceAll('\\', '/')

/** @returns the plug-in; `components: false` leaves them as they are written, as tests of the state want it */
export function messages({ components = true } = {}) {
  let project = null
  const said = () => (project ??= Promise.all([collect(ROOT), readTranslations(ROOT)]))
  return {
    name: 'messages',
    enforce: 'pre',
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : undefined),
    async load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined
      const [source, translations] = await said()
      return moduleOf(id.slice(PREFIX.length + 1), source, translations)
    },
    async transform(code, id) {
      if (!components || !id.endsWith('.svelte') || !fileOf(id).startsWith('src/')) return undefined
      const [{ index }] = await said()
      const { output } = await compileComponent(code, fileOf(id), index)
      return output?.()
    },
    handleHotUpdate({ file, server }) {
      if (!/^src\/.*\.(svelte|ts|po)$/.test(fileOf(file))) return
      project = null
      for (const module of server.moduleGraph.idToModuleMap.values())
        if (module.id?.startsWith(`\0${PREFIX}`) || module.id?.endsWith('.svelte'))
          server.moduleGraph.invalidateModule(module)
      server.ws.send({ type: 'full-reload' })
    },
  }
}
