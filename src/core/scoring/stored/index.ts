export * from './compare'
export * from './merge'
export * from './read'
export * from './threshold'
