/**
 * A judge of a run whose parts do not fit side by side: loaded when its pictures come and let go behind them, so that it
 * is never in memory beside the U-Net or another judge.
 */
import type { Judge } from '../../core/contracts'
import type { Answer, JudgedPicture, LoadedJudge } from './judges'

export class JudgeInTurn implements LoadedJudge {
  private constructor(
    readonly judge: Judge,
    private readonly load: () => Promise<LoadedJudge>,
  ) {}

  /** Loads it once and lets it go, so that what is wrong with it is said before the first picture. Throws what `load` throws. */
  static async create(judge: Judge, load: () => Promise<LoadedJudge>): Promise<JudgeInTurn> {
    await (await load()).release()
    return new JudgeInTurn(judge, load)
  }

  async judgeAll(pictures: readonly JudgedPicture[]): Promise<Answer[]> {
    const loaded = await this.load()
    try {
      return await loaded.judgeAll(pictures)
    } finally {
      await loaded.release()
    }
  }

  /** Nothing is held between turns. */
  release(): Promise<void> {
    return Promise.resolve()
  }
}
