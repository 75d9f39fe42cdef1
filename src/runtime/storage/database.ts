/**
 * IndexedDB databases for idb-keyval that survive being deleted: a connection makes way when somebody deletes the
 * database or clears the site's data, and the next access opens an empty one. An open connection that does not make way
 * would block the deletion, and with it every later opening, for ever.
 */
import type { UseStore } from 'idb-keyval'

/** How long an opening may wait for connections of other tabs that do not make way; no event tells of that. */
const BLOCKED_MS = 10_000

/** The store `name` of a database, made when it is not there. Opening that stays blocked throws a DOMException. */
export function openStore(database: string, name: string): UseStore {
  let connection: Promise<IDBDatabase> | undefined
  const connect = (): Promise<IDBDatabase> => {
    if (connection) return connection
    const opening = open(database, name, () => {
      if (connection === opening) connection = undefined
    })
    connection = opening
    opening.catch(() => {
      if (connection === opening) connection = undefined
    })
    return opening
  }
  return async (mode, callback) => {
    const store = async () => (await connect()).transaction(name, mode).objectStore(name)
    let place: IDBObjectStore
    try {
      place = await store()
    } catch (thrown) {
      // Closed a moment ago, on its way out for a deletion: nothing was read or written yet.
      if (!(thrown instanceof DOMException && thrown.name === 'InvalidStateError')) throw thrown
      connection = undefined
      place = await store()
    }
    return callback(place)
  }
}

function open(database: string, name: string, onClosed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database)
    const timer = setTimeout(() => {
      reject(new DOMException(`The database "${database}" is blocked by another tab.`, 'TimeoutError'))
    }, BLOCKED_MS)
    request.onupgradeneeded = () => request.result.createObjectStore(name)
    request.onerror = () => {
      clearTimeout(timer)
      reject(request.error ?? new DOMException('The database cannot be opened.', 'UnknownError'))
    }
    request.onsuccess = () => {
      clearTimeout(timer)
      const { result } = request
      result.onclose = onClosed
      result.onversionchange = () => {
        result.close()
        onClosed()
      }
      resolve(result)
    }
  })
}
