/** Composition root: makes the services, wires them into the state and the scripting API, draws the page. */
import { mount } from 'svelte'
import appPackage from '../package.json'
import { App } from './state/page/app.svelte'
import { Language } from './state/page/language.svelte'
import { registerServiceWorker } from './state/page/serviceWorker'
import { loadCodec } from './state/share/codec'
import Page from './ui/page/App.svelte'
import { createScript } from './wiring/script'
import { createServices } from './wiring/services'

/** Packs that came with a leaderboard when the page was built: the others are not asked for one. */
declare const __LEADERBOARDS__: readonly string[]

/** Inside a frame of another page: `?embed=1`. */
const embedded = new URLSearchParams(location.search).get('embed') === '1'
const base = new URL('./', document.baseURI.replace(/[?#].*$/, ''))
const services = createServices({
  version: appPackage.version,
  base,
  leaderboards: __LEADERBOARDS__,
  pagePack: () => app.pack,
  // A frame keeps nothing, so what the browser refuses to store there is nobody's loss.
  notify: (error) => {
    if (!embedded || error.code !== 'STORAGE_FULL') app.notices.add(error)
  },
})
const app = new App(services, location)
Object.assign(globalThis, { spqr: createScript(app) })

const language = new Language()
// Without its catalogue the page still works, in English.
await app.notices.guard(() => language.begin(location.search))
const target = document.getElementById('app')
const { exhibit, sharing, claims, notices } = app
if (embedded) exhibit.onreport = null
if (target && embedded)
  mount((await import('./ui/page/EmbedView.svelte')).default, {
    target,
    props: { ...{ exhibit, sharing, claims, notices }, version: services.version, onlink: (hash) => app.follow(hash) },
  })
else if (target) mount(Page, { target, props: { app, language } })
void app.notices.guard(() => app.start(embedded))
// Behind the button; where it cannot be loaded, whoever needs it is told.
void loadCodec().catch(() => undefined)
// A frame is not reloaded for threads that it does not need.
if (import.meta.env.PROD && !embedded)
  void registerServiceWorker(new URL('service-worker.js', base), () => !services.engineUse.busy)
