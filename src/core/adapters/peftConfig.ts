/** PEFT's LoraConfig: which settings change the merged weights, and which of those this page follows. */
import { SpqrError } from '../contracts/errors'
import { shortened } from '../contracts/outside'

/** Settings that say how or what was trained and leave a finished adapter as it is, and those that are followed. */
const READ = new Set(
  (
    'peft_type peft_version task_type auto_mapping base_model_name_or_path revision inference_mode r target_modules ' +
    'exclude_modules lora_alpha lora_dropout use_rslora layers_to_transform layers_pattern rank_pattern alpha_pattern ' +
    'megatron_config megatron_core loftq_config eva_config corda_config lora_ga_config velora_config use_dora ' +
    'qalora_group_size lora_bias runtime_config ensure_weight_tying init_lora_weights bias'
  ).split(' '),
)
/** Initial values of A and B alone; every other one also changes the base weights or asks for more than the file holds. */
const PLAIN_STARTS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal']
/** What some settings mean, for the sentence of their refusal. */
const MEANING: Record<string, string> = {
  modules_to_save: 'layers saved whole beside the LoRA',
  trainable_token_indices: 'trained tokens of the text encoder',
  alora_invocation_tokens: 'an effect on a part of the prompt only',
  target_parameters: 'parameters that are no layers',
  layer_replication: 'repeated layers',
  fan_in_fan_out: 'transposed weights',
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

/**
 * Refuses a configuration whose merged weights would not be W + scale·B·A (or DoRA's) on the model's own weights.
 * @throws SpqrError ADAPTER_INVALID naming the setting
 */
export function checkPeftConfig(file: string, fields: Readonly<Record<string, unknown>>): void {
  const refuse = (what: string): never => {
    throw new SpqrError(
      'ADAPTER_INVALID',
      `"${file}": ${what}.`,
      'Merge the adapter with PEFT first, or use a plain LoRA.',
    )
  }
  const { peft_type: type, init_lora_weights: start, bias } = fields
  if (!isEmpty(type) && type !== 'LORA') refuse(`its configuration is for ${show(type)}, and only LORA is read here`)
  if (!PLAIN_STARTS.includes(start))
    refuse(
      `its configuration says init_lora_weights = ${show(start)}, which goes with other base weights than this model's`,
    )
  if (!isEmpty(bias) && bias !== 'none')
    refuse(`its configuration says bias = ${show(bias)}: it trained the model's biases, which this page does not read`)
  for (const [key, value] of Object.entries(fields)) {
    if (READ.has(key) || isEmpty(value)) continue
    const meaning = Object.hasOwn(MEANING, key) ? ` (${MEANING[key]!})` : ''
    refuse(`its configuration sets ${shortened(key)} = ${show(value)}${meaning}, which this page does not follow`)
  }
  if (fields['use_dora'] === true && fields['lora_bias'] === true) refuse('it combines use_dora with lora_bias')
}

const show = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 60)
