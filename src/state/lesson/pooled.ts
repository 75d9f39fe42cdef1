/** The class's figures, for what draws them. */
export { pooledShare, pooledStage } from '../../evaluation/lesson/pool'
