/**
 * A vision-language judge of the LLaVA-OneVision architecture through transformers.js: the policy and the question in
 * words, greedy decoding, a strictly parsed answer. The picture is shown as one view (SigLIP's square), as the model
 * treats several pictures at once; the tiles of its high-resolution mode are left out.
 */
import type { PreTrainedModel, PreTrainedTokenizer, Tensor } from '@huggingface/transformers'
import { SpqrError, loadPart, reviveError, type VisionLanguageJudge } from '../../core/contracts'
import { answerScores } from '../../core/metrics'
import { digestHex } from '../events'
import type { FileLoader } from '../storage/files'
import { pixelValues } from './judgeInputs'
import type { JudgeContext } from './judgeLoading'
import type { Answer, JudgedPicture, LoadedJudge } from './judges'
import { ortError, type OrtRuntime } from '../ort'

type Transformers = typeof import('@huggingface/transformers')
/** What of the class is used; transformers.js leaves these methods untyped. */
interface OneVision extends PreTrainedModel {
  encode_image(inputs: { pixel_values: Tensor }): Promise<Tensor>
}

interface Inputs {
  input_ids: Tensor
  attention_mask: Tensor
}

/** Marks the place of the picture in the prompt. */
const IMAGE_TOKEN = '<image>'
/** No server: every request of the library is served from the judge's verified files. */
const HOST = 'https://judge.invalid/'

export class VisionLanguageRunner implements LoadedJudge {
  private constructor(
    readonly judge: VisionLanguageJudge,
    private readonly runtime: OrtRuntime,
    private readonly library: Transformers,
    private readonly model: OneVision,
    private readonly tokenizer: PreTrainedTokenizer,
  ) {}

  /** Throws MANIFEST_INVALID for a prompt without a picture or missing files, GRAPH_MISMATCH, MEMORY, download errors. */
  static async load(
    { runtime, files, onEvent }: JudgeContext,
    judge: VisionLanguageJudge,
    signal: AbortSignal,
  ): Promise<VisionLanguageRunner> {
    const what = `judge ${judge.id}`
    if (judge.prompt.split(IMAGE_TOKEN).length !== 2) {
      throw new SpqrError(
        'MANIFEST_INVALID',
        `The prompt of ${what} must hold ${IMAGE_TOKEN} exactly once.`,
        'Make the manifest with models/judges/llavaguard.py.',
      )
    }
    onEvent({ type: 'phase', phase: 'session', what })
    const library = await loadPart(() => import('@huggingface/transformers'))
    const { model, tokenizer } = await runtime.exclusive(() =>
      fromFiles(library, files, judge, signal, async (id) => {
        const options = {
          // The session options name the provider; `auto` keeps the library from choosing one of its own.
          device: 'auto',
          dtype: judge.dtype,
          session_options: { executionProviders: [runtime.provider], logSeverityLevel: 3 },
        } as unknown as Parameters<typeof library.LlavaOnevisionForConditionalGeneration.from_pretrained>[1]
        return {
          tokenizer: await library.AutoTokenizer.from_pretrained(id),
          model: (await library.LlavaOnevisionForConditionalGeneration.from_pretrained(
            id,
            options,
          )) as unknown as OneVision,
        }
      }),
    )
    return new VisionLanguageRunner(judge, runtime, library, model, tokenizer)
  }

  async judgeAll(pictures: readonly JudgedPicture[]): Promise<Answer[]> {
    const answers: Answer[] = []
    for (const picture of pictures) {
      const { text } = await this.ask(picture)
      try {
        answers.push({
          kind: 'safety-multilabel',
          scores: answerScores(text, this.judge.answer, this.judge.labels),
          legible: null,
        })
      } catch (thrown) {
        answers.push(reviveError(thrown))
      }
    }
    return answers
  }

  /** The answer in words and as token ids, greedy. Throws GRAPH_MISMATCH, MEMORY. */
  ask(picture: JudgedPicture): Promise<{ text: string; ids: number[] }> {
    return this.runtime.exclusive(async () => {
      const { model } = this
      try {
        const { features, inputs } = await this.present(picture)
        // The features are known; `generate` would compute them a second time.
        model.encode_image = () => Promise.resolve(features)
        const sequences = (await model.generate({
          ...inputs,
          do_sample: false,
          max_new_tokens: this.judge.maxNewTokens,
        } as unknown as Parameters<typeof model.generate>[0])) as Tensor
        const ids = (sequences.tolist() as bigint[][])[0]!.slice(inputs.input_ids.dims[1]).map(Number)
        return { text: this.tokenizer.decode(ids, { skip_special_tokens: true }), ids }
      } catch (thrown) {
        throw ortError(thrown, `running judge ${this.judge.id}`)
      } finally {
        // The class's own method shows again.
        Reflect.deleteProperty(model, 'encode_image')
      }
    })
  }

  /** What the model is given for a picture, and the picture's features [tokens, hidden]. */
  private async present(
    picture: JudgedPicture,
  ): Promise<{ features: Tensor; inputs: Inputs & { pixel_values: Tensor } }> {
    const { data, dims } = pixelValues([picture], this.judge.preprocessing)
    const pixels = new this.library.Tensor('float32', data, [...dims])
    const features = await this.model.encode_image({ pixel_values: pixels })
    return { features, inputs: { ...this.inputs(features), pixel_values: pixels } }
  }

  async release(): Promise<void> {
    await this.runtime.exclusive(() => this.model.dispose())
  }

  /** The prompt with one image token per row of the picture's features, [1, length]. */
  private inputs(features: Tensor): Inputs {
    const width = features.dims.at(-1)!
    const rows = features.size / width
    const [before = '', after = ''] = this.judge.prompt.split(IMAGE_TOKEN)
    const inputs = this.tokenizer(before + IMAGE_TOKEN.repeat(rows) + after, { add_special_tokens: false }) as Inputs
    const { image_token_index, image_token_id } = this.model.config as {
      image_token_index?: number
      image_token_id?: number
    }
    const id = BigInt(image_token_index ?? image_token_id ?? -1)
    const found = (inputs.input_ids.tolist() as bigint[][])[0]!.filter((token) => token === id).length
    if (found !== rows) {
      throw new SpqrError(
        'GRAPH_MISMATCH',
        `The tokenizer of judge ${this.judge.id} makes ${found} image tokens of ${rows}: it belongs to another model.`,
        'Take tokenizer and graphs from one place.',
      )
    }
    return inputs
  }
}

/** Runs `load` with the library's requests served from the judge's files; what it does not list is "not found". */
async function fromFiles<T>(
  library: Transformers,
  files: FileLoader,
  judge: VisionLanguageJudge,
  signal: AbortSignal,
  load: (id: string) => Promise<T>,
): Promise<T> {
  const { env } = library
  const before = { ...env }
  // The library remembers files by the model's name, so the name stands for the files' contents.
  const contents = await digestHex(
    new TextEncoder().encode(judge.files.map(({ path, sha256 }) => `${path} ${sha256}`).join('\n')),
  )
  const id = `judge/${contents.slice(0, 32)}`
  const root = `${HOST}${id}/resolve/main/`
  let problem: SpqrError | null = null
  Object.assign(env, {
    remoteHost: HOST,
    allowRemoteModels: true,
    allowLocalModels: false,
    useBrowserCache: false,
    useWasmCache: false,
    fetch: async (url: string | URL) => {
      const path = String(url).startsWith(root) ? String(url).slice(root.length) : null
      const file =
        path === null
          ? undefined
          : judge.files.find((one) => one.path === `${judge.path}${judge.path === '' ? '' : '/'}${path}`)
      if (!file) return new Response(null, { status: 404 })
      try {
        return new Response(await files.load(file, signal))
      } catch (thrown) {
        problem = reviveError(thrown)
        throw problem
      }
    },
  })
  try {
    return await load(id)
  } catch (thrown) {
    if (problem) throw problem
    const error = ortError(thrown, `loading judge ${judge.id}`)
    const missing = /Could not locate file: "[^"]*\/resolve\/main\/([^"]+)"/.exec(error.message)?.[1]
    if (missing !== undefined)
      throw new SpqrError(
        'MANIFEST_INVALID',
        `Judge ${judge.id} lacks the file "${missing}".`,
        'Export it again with models/judges/llavaguard.py.',
      )
    throw error.code === 'UNEXPECTED'
      ? new SpqrError(
          'GRAPH_MISMATCH',
          `Judge ${judge.id} cannot be loaded: ${error.message}`,
          'Export it again with models/judges/llavaguard.py.',
        )
      : error
  } finally {
    Object.assign(env, before)
  }
}
