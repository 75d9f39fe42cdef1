export * from './check'
export * from './read'
export * from './shard'
