export * from './axes'
export * from './bounds'
export * from './presets'
export * from './record'
