"""Golden data of the adapter merge: small LoRA files and the weights that PEFT and diffusers merge them into.

A tiny UNet2DConditionModel and a tiny CLIPTextModel with seeded weights (base.safetensors). Each case is a file as a
user would have it plus `<case>.merged.safetensors` with only the weights that changed.
  peft, rslora, dora, conv   PEFT layers injected by diffusers, saved by diffusers, fused by PEFT (`fuse_lora`)
  kohya, old-diffusers       the same factors under those names, loaded and fused by diffusers itself
  dora-kohya                 PEFT's DoRA under kohya's names (`dora_scale`)
  text-encoder               PEFT on CLIPTextModel, kohya names (`lora_te_`)
  tucker                     LyCORIS' einsum for `lora_mid`, in float64 (no PEFT layer of that kind)
  sgm.json                   module names of kohya's SDXL files and what diffusers maps them to
Tolerance of the test: 1e-6 relative to the largest entry of each weight.
"""

import json
import pathlib
import re
import sys

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
HERE = HERE if HERE.is_dir() else HERE.parent
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]


def tiny_unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        cross_attention_dim=12, attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))


def tiny_text():
    torch.manual_seed(1)
    return CLIPTextModel(CLIPTextConfig(vocab_size=32, hidden_size=12, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=8))


def randomise(module, seed, words=("lora_A", "lora_B", "magnitude")):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "magnitude" in name and "magnitude" in words:
                parameter.mul_(1 + 0.3 * torch.rand(parameter.shape, generator=generator))
            elif any(word in name for word in words):
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))


def changed(before, after):
    return {k: v.contiguous() for k, v in after.items() if not torch.equal(v, before[k])}


def save_merged(case, before, after):
    difference = changed(before, after)
    assert difference, case
    save_file(difference, HERE / f"{case}.merged.safetensors")


def plain(state):
    """State dict of a fused model under the names of the untouched one."""
    return {k.replace(".base_layer", "").removeprefix("base_model.model."): v for k, v in state.items() if "lora_" not in k}


def fused(case, config, seed):
    """PEFT through diffusers: writes the file and the merged weights; gives PEFT's state dict."""
    unet = tiny_unet()
    before = {k: v.clone() for k, v in unet.state_dict().items()}
    unet.add_adapter(config)
    randomise(unet, seed)
    state = {k: v.detach().clone() for k, v in get_peft_model_state_dict(unet).items()}
    settings = unet.peft_config["default"].to_dict()
    settings = {k: sorted(v) if isinstance(v, set) else v for k, v in settings.items()}
    StableDiffusionPipeline.save_lora_weights(HERE, unet_lora_layers=state, weight_name=f"{case}.safetensors", unet_lora_adapter_metadata=settings)
    unet.fuse_lora()
    save_merged(case, before, plain(unet.state_dict()))
    return state


def loaded(case, state):
    """Any file diffusers can load: saves it, loads it with diffusers, fuses."""
    save_file(state, HERE / f"{case}.safetensors")
    unet = tiny_unet()
    before = {k: v.clone() for k, v in unet.state_dict().items()}
    converted, alphas = StableDiffusionPipeline.lora_state_dict(load_file(HERE / f"{case}.safetensors"))[:2]
    StableDiffusionPipeline.load_lora_into_unet(converted, network_alphas=alphas, unet=unet)
    unet.fuse_lora()
    save_merged(case, before, plain(unet.state_dict()))


def kohya(state, alpha, prefix="lora_unet_"):
    out = {}
    for key, value in state.items():
        module = prefix + key.split(".lora_")[0].replace(".", "_")
        if "magnitude" in key:
            out[f"{module}.dora_scale"] = value.unsqueeze(1).contiguous()
        else:
            out[f"{module}.lora_{'down' if 'lora_A' in key else 'up'}.weight"] = value.contiguous()
            out[f"{module}.alpha"] = torch.tensor(float(alpha))
    return out


def sort_metadata(path):
    """safetensors writes metadata in random order; sorted, the same run gives the same bytes."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(end - 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
    path.chmod(0o644)


def main():
    base = tiny_unet().state_dict() | {f"text_encoder.{k}": v for k, v in tiny_text().state_dict().items() if v.is_floating_point()}
    save_file({k: v.contiguous() for k, v in base.items()}, HERE / "base.safetensors")

    state = fused("peft", LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION), 10)
    loaded("kohya", kohya(state, 3))
    old = {}
    for key, value in state.items():
        module, part = key.split(".lora_")
        parent, name = module.replace(".to_out.0", ".to_out").rsplit(".", 1)
        old[f"unet.{parent}.processor.{name}_lora.{'down' if part[0] == 'A' else 'up'}.weight"] = value.contiguous()
    loaded("old-diffusers", old)
    fused("rslora", LoraConfig(r=3, lora_alpha=2, use_rslora=True, target_modules=["to_k"]), 11)
    pattern = {"mid_block.attentions.0.transformer_blocks.0.attn2.to_v": 5}
    fused("patterns", LoraConfig(r=2, lora_alpha=2, rank_pattern=pattern, alpha_pattern=pattern, target_modules=["attn2.to_v"]), 12)
    dora = fused("dora", LoraConfig(r=2, lora_alpha=4, use_dora=True, target_modules=["attn2.to_k", "attn2.to_v"]), 13)
    save_file(kohya(dora, 4), HERE / "dora-kohya.safetensors")
    fused("conv", LoraConfig(r=2, lora_alpha=3, target_modules=["conv1", "conv_shortcut", "proj_in"]), 14)

    text = tiny_text()
    before = {f"text_encoder.{k}": v.clone() for k, v in text.state_dict().items()}
    model = get_peft_model(text, LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "out_proj", "fc1"]))
    randomise(model, 15)
    save_file(kohya({k.removeprefix("base_model.model."): v for k, v in get_peft_model_state_dict(model).items()}, 6, "lora_te_"), HERE / "text-encoder.safetensors")
    after = model.merge_and_unload().state_dict()
    save_merged("text-encoder", before, {f"text_encoder.{k}": v for k, v in after.items()})

    name = "mid_block.resnets.0.conv1"
    weight = base[f"{name}.weight"]
    generator = torch.Generator().manual_seed(16)
    down, mid, up = (0.3 * torch.randn(s, generator=generator) for s in ((3, weight.shape[1], 1, 1), (3, 3, 3, 3), (weight.shape[0], 3, 1, 1)))
    flat = "lora_unet_" + name.replace(".", "_")
    save_file({f"{flat}.lora_down.weight": down, f"{flat}.lora_mid.weight": mid, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(1.5)}, HERE / "tucker.safetensors")
    delta = torch.einsum("n m k l, i n, m j -> i j k l", mid.double(), up.flatten(1).double(), down.flatten(1).double()) * 1.5 / 3
    save_file({f"{name}.weight": (weight.double() + delta).float()}, HERE / "tucker.merged.safetensors")

    modules = ["input_blocks_1_0_in_layers_2", "input_blocks_3_0_op", "input_blocks_4_0_skip_connection", "input_blocks_4_1_transformer_blocks_0_attn1_to_q",
               "input_blocks_5_1_proj_in", "input_blocks_8_1_transformer_blocks_9_attn2_to_k", "middle_block_0_out_layers_3", "middle_block_1_proj_out",
               "middle_block_2_emb_layers_1", "output_blocks_0_1_transformer_blocks_3_ff_net_0_proj", "output_blocks_2_2_conv", "output_blocks_5_1_proj_out", "output_blocks_8_0_in_layers_2"]
    sdxl = type("Config", (), {"layers_per_block": 2})()
    pairs = []
    for module in modules:
        state = {f"lora_unet_{module}.lora_down.weight": torch.zeros(1, 1), f"lora_unet_{module}.lora_up.weight": torch.zeros(1, 1), f"lora_unet_{module}.alpha": torch.tensor(1.0)}
        converted = StableDiffusionXLPipeline.lora_state_dict(state, unet_config=sdxl)[0]
        pairs.append([module, re.sub(r"\.processor\.(to_\w)_lora.*", r".\1", next(k for k in converted if "lora" in k).split(".lora")[0].removeprefix("unet."))])
    (HERE / "sgm.json").write_text(json.dumps(pairs, indent=1) + "\n")
    for path in HERE.glob("*.safetensors"):
        sort_metadata(path)


main()
