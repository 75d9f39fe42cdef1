export { cmmd } from './cmmd'
export { frechetDistance } from './frechet'
export { kernelDistance, type KernelOptions } from './kernel'
