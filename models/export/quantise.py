"""Linear weights in 4 bits (`q4f16`): contrib operator MatMulNBits of onnxruntime, blocks of 32 numbers with one
half-precision scale each, symmetric around 8. Convolutions, embeddings and norms stay in half precision.

A quantised weight is called `NAME_q4`, its scales `NAME_scales`: nothing finds it by the name of the weight it was, so
that a LoRA is refused by name instead of being merged into numbers that no longer are the weight.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch

BLOCKS = (32, 16)
"""Numbers with one scale; the smaller block where a width is no multiple of the larger one."""


def pack(weight: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """[rows, columns] → 4-bit numbers [rows, blocks, block/2], scales [rows, blocks], and the weight they stand for."""
    rows, columns = weight.shape
    blocks = weight.detach().float().numpy().reshape(rows, columns // block, block)
    # The number of largest size becomes −8 exactly, as in onnxruntime's own quantiser.
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
    scales = (extreme / -8).astype(np.float16)
    safe = np.where(scales == 0, 1, scales).astype(np.float32)
    numbers = np.clip(np.round(blocks / safe) + 8, 0, 15).astype(np.uint8)
    packed = numbers[..., 0::2] | (numbers[..., 1::2] << 4)
    restored = (numbers.astype(np.float32) - 8) * scales.astype(np.float32)
    return torch.from_numpy(packed.copy()), torch.from_numpy(scales[..., 0].copy()), torch.from_numpy(restored.reshape(rows, columns).copy())


def quantise(model: onnx.ModelProto, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Replaces linear layers in `model` and their weights in `state`; returns the replaced weights as they are now."""
    nodes = list(model.graph.node)
    users: dict[str, list] = {}
    for node in nodes:
        for name in node.input:
            users.setdefault(name, []).append(node)
    replaced: dict[int, list] = {}
    restored: dict[str, torch.Tensor] = {}
    for node in nodes:
        found = _linear(node, state, users)
        if found is None:
            continue
        name, product, bias = found
        columns = state[name].shape[1]
        block = next((size for size in BLOCKS if columns % size == 0), None)
        if block is None:
            continue
        if name not in restored:
            state[f"{name}_q4"], state[f"{name}_scales"], restored[name] = pack(state[name], block)
        result = product.output[0] if bias is None else f"{product.output[0]}_product"
        new = [onnx.helper.make_node("MatMulNBits", [product.input[0], f"{name}_q4", f"{name}_scales"], [result], domain="com.microsoft",
                                     K=columns, N=state[name].shape[0], bits=4, block_size=block)]
        if bias is not None:
            new.append(onnx.helper.make_node("Add", [result, bias], [product.output[0]]))
        replaced[id(product)] = new
        if node is not product:
            replaced[id(node)] = []
    for name in restored:
        del state[name]
    if replaced:
        del model.graph.node[:]
        for node in nodes:
            model.graph.node.extend(replaced.get(id(node), [node]))
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return restored


def _linear(node: onnx.NodeProto, state: dict[str, torch.Tensor], users: dict[str, list]) -> tuple[str, onnx.NodeProto, str | None] | None:
    """A linear layer of torch: a transposed weight and a product, or Gemm; its weight, its product and its bias."""
    if node.op_type == "Transpose" and node.input[0] in state and state[node.input[0]].dim() == 2:
        after = users.get(node.output[0], [])
        if len(after) == 1 and after[0].op_type == "MatMul" and after[0].input[1] == node.output[0]:
            return node.input[0], after[0], None
    if node.op_type == "Gemm" and node.input[1] in state:
        facts = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if facts.get("transB", 0) == 1 and facts.get("transA", 0) == 0 and facts.get("alpha", 1.0) == facts.get("beta", 1.0) == 1.0:
            return node.input[1], node, node.input[2] if len(node.input) > 2 else None
    return None
