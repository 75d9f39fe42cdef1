/** From a judge's manifest to a judge that works: its files, sessions, tokenizer and vectors. */
import { readSafetensors } from '../../core/adapters'
import { SpqrError, type Judge, type JudgeGraph, type Q16Judge } from '../../core/contracts'
import { NUDENET_LABELS } from '../../core/metrics'
import { throwIfAborted, type OnEvent } from '../events'
import type { FileLoader } from '../storage/files'
import { Graph } from '../generator/graph'
import { JudgeRunner, type LoadedJudge } from './judges'
import { createGraph } from '../generator/createGraph'
import type { OrtRuntime } from '../ort'
import { loadTokenizer, type PackTokenizer } from '../generator/tokenizer'
import { VisionLanguageRunner } from './visionLanguage'

export interface JudgeContext {
  runtime: OrtRuntime
  /** Where the judge's files are. */
  files: FileLoader
  /** The generator's, for a CLIP judge that has none of its own. */
  tokenizer: PackTokenizer | null
  onEvent: OnEvent
}

/** Throws download, graph and manifest errors, each naming the judge. */
export async function loadJudge(context: JudgeContext, judge: Judge, signal: AbortSignal): Promise<LoadedJudge> {
  if (judge.kind === 'vision-language') return VisionLanguageRunner.load(context, judge, signal)
  if (judge.kind === 'nudenet') assertNudeNetLabels(judge.id, judge.unsafe)
  const what = `judge ${judge.id}`
  const image = await judgeGraph(
    context,
    what,
    judge.kind === 'clip' || judge.kind === 'q16' ? judge.image : judge.model,
    signal,
  )
  const prompts = judge.kind === 'q16' ? await q16Prompts(context.files, judge, signal) : null
  if (judge.kind !== 'clip') return new JudgeRunner(judge, { image, text: null, tokenizer: null, prompts })
  const tokenizer = judge.tokenizer
    ? await loadTokenizer(context.files, judge.tokenizer, signal, what)
    : context.tokenizer
  if (!tokenizer)
    throw new SpqrError(
      'MANIFEST_INVALID',
      `The manifest of ${what} names no tokenizer.`,
      'Add the tokenizer.json it was trained with.',
    )
  return new JudgeRunner(judge, {
    image,
    text: await judgeGraph(context, `${what} (text)`, judge.text, signal),
    tokenizer,
  })
}

async function judgeGraph(
  { runtime, files, onEvent }: JudgeContext,
  what: string,
  graph: JudgeGraph,
  signal: AbortSignal,
): Promise<Graph> {
  if ('graph' in graph) return createGraph(runtime, files, what, graph, [], onEvent, signal)
  const onnx = await files.load(graph.onnx, signal)
  const data = []
  for (const file of graph.data ?? [])
    data.push({ path: file.path.split('/').at(-1) ?? file.path, data: await files.load(file, signal) })
  throwIfAborted(signal)
  onEvent({ type: 'phase', phase: 'session', what })
  return Graph.fromOnnx(runtime, what, onnx, data)
}

function assertNudeNetLabels(id: string, unsafe: readonly string[]): void {
  const stranger = unsafe.find((label) => !NUDENET_LABELS.some((known) => known === label))
  if (stranger === undefined) return
  throw new SpqrError(
    'MANIFEST_INVALID',
    `Judge ${id} counts the class "${stranger}", which NudeNet 3.4 does not have.`,
    `Its classes are ${NUDENET_LABELS.join(', ')}.`,
  )
}

async function q16Prompts(
  files: FileLoader,
  { id, prompts }: Q16Judge,
  signal: AbortSignal,
): Promise<[Float32Array, Float32Array]> {
  const tensor = readSafetensors(await files.load(prompts, signal)).tensors.get('prompts')
  const values = tensor?.floats()
  const [count, width = 0] = tensor?.shape ?? []
  if (tensor?.shape.length !== 2 || count !== 2 || !values?.every(Number.isFinite)) {
    throw new SpqrError(
      'WEIGHTS_INVALID',
      `"${prompts.path}" of judge ${id} holds no finite "prompts" of shape [2, d].`,
      'Make it with models/judges/q16.py.',
    )
  }
  return [values.slice(0, width), values.slice(width)]
}
