"""A recorded training step (torch.fx graph of ATen operations, static shapes) → ONNX.

torch's exporter takes minutes on these graphs of several thousand nodes; they use some forty operations, so they are
translated one by one here. Views become Reshape, everything that depends on no input is computed now, and an operation
that is not listed stops the export by name.
"""

from __future__ import annotations

import math
import operator

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

aten = torch.ops.aten
KINDS = {torch.float32: TensorProto.FLOAT, torch.int64: TensorProto.INT64}
UNARY = {
    aten.neg.default: "Neg", aten.sqrt.default: "Sqrt", aten.exp.default: "Exp", aten.sigmoid.default: "Sigmoid",
    aten.erf.default: "Erf", aten.sin.default: "Sin", aten.cos.default: "Cos", aten.reciprocal.default: "Reciprocal",
}
BINARY = {
    aten.add.Tensor: "Add", aten.sub.Tensor: "Sub", aten.mul.Tensor: "Mul", aten.div.Tensor: "Div",
    aten.add.Scalar: "Add", aten.sub.Scalar: "Sub", aten.mul.Scalar: "Mul", aten.div.Scalar: "Div",
}
SAME = {aten.alias.default, aten.clone.default, aten.detach.default, aten._to_copy.default}
RESHAPE = {aten.view.default, aten._unsafe_view.default, aten.unsqueeze.default, aten.squeeze.dims, aten.squeeze.dim, aten.as_strided.default}


class Translator:
    """Collects nodes and initializers; `value` maps fx nodes to ONNX names, `constant` to tensors known now."""

    def __init__(self):
        self.nodes, self.initializers = [], {}
        self.value, self.constant, self.parts = {}, {}, {}

    def emit(self, kind: str, *inputs: str, outputs: int = 1, **attributes) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def store(self, array: np.ndarray) -> str:
        """An initializer; equal ones are kept once."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.initializers:
            self.initializers[key] = numpy_helper.from_array(np.ascontiguousarray(array), f"c{len(self.initializers)}")
        return self.initializers[key].name

    def integers(self, values) -> str:
        return self.store(np.array(list(values), np.int64))

    def name(self, argument) -> str:
        """The ONNX name of an argument: a node, a constant, or a number."""
        if isinstance(argument, torch.fx.Node):
            if argument in self.constant:
                return self.store(self.constant[argument].numpy())
            return self.value[argument]
        return self.store(np.array(argument, np.float32))

    def translate(self, node) -> str:
        target, args = node.target, node.args
        shape = tuple(node.meta["val"].shape) if isinstance(node.meta.get("val"), torch.Tensor) else None
        if target in SAME:
            return self.name(args[0])
        if target in RESHAPE:
            self._contiguous(node)
            return self.emit("Reshape", self.name(args[0]), self.integers(shape))
        if target in UNARY:
            return self.emit(UNARY[target], self.name(args[0]))
        if target in BINARY:
            if node.kwargs.get("alpha", 1) != 1:
                raise SystemExit(f"{target} with alpha is not translated.")
            return self.emit(BINARY[target], self.name(args[0]), self.name(args[1]))
        method = getattr(self, "do_" + target._schema.name.split("::")[1] if hasattr(target, "_schema") else "", None)
        if method is None:
            raise SystemExit(f"The training step uses {target}, which export/training_onnx.py does not translate.")
        return method(node, *args)

    @staticmethod
    def _contiguous(node) -> None:
        if node.target is aten.as_strided.default:
            size, stride = node.args[1], node.args[2]
            dense = [math.prod(size[i + 1:]) for i in range(len(size))]
            if list(stride) != dense or math.prod(size) != node.args[0].meta["val"].numel():
                raise SystemExit("The training step uses as_strided as more than a reshape.")

    def do_permute(self, node, x, order):
        return self.emit("Transpose", self.name(x), perm=[d % len(order) for d in order])

    def do_expand(self, node, x, size, **_):
        return self.emit("Expand", self.name(x), self.integers(node.meta["val"].shape))

    def do_slice(self, node, x, dim=0, start=None, end=None, step=1):
        length = x.meta["val"].shape[dim]
        end = length if end is None else min(end, length)
        if (start or 0) == 0 and end == length and step == 1:
            return self.name(x)
        return self.emit("Slice", self.name(x), self.integers([start or 0]), self.integers([end]), self.integers([dim % x.meta["val"].dim()]), self.integers([step]))

    def do_cat(self, node, parts, dim=0):
        return self.emit("Concat", *[self.name(p) for p in parts], axis=dim % node.meta["val"].dim())

    def do_mm(self, node, a, b):
        return self.emit("MatMul", self.name(a), self.name(b))

    do_bmm = do_mm

    def do_addmm(self, node, bias, a, b):
        return self.emit("Add", self.do_mm(node, a, b), self.name(bias))

    def do_convolution(self, node, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
        extra = {"output_padding": list(output_padding)} if transposed else {}
        return self.emit("ConvTranspose" if transposed else "Conv", self.name(x), self.name(weight), *([self.name(bias)] if bias is not None else []),
                         strides=list(stride), pads=[*padding, *padding], dilations=list(dilation), group=groups, kernel_shape=list(weight.meta["val"].shape[2:]), **extra)

    def _reduce(self, kind, x, dims, keep):
        axes = dims or range(x.meta["val"].dim())
        if x.meta["val"].dim() == 0:
            return self.name(x)
        return self.emit(kind, self.name(x), self.integers(d % x.meta["val"].dim() for d in axes), keepdims=int(keep))

    def do_sum(self, node, x, dims=None, keepdim=False):
        return self._reduce("ReduceSum", x, dims, keepdim)

    def do_mean(self, node, x, dims=None, keepdim=False):
        return self._reduce("ReduceMean", x, dims, keepdim)

    def do_var_mean(self, node, x, dims):
        if node.kwargs != {"correction": 0, "keepdim": True}:
            raise SystemExit("The training step uses var_mean with other settings than normalisation has.")
        mean = self._reduce("ReduceMean", x, dims, True)
        gap = self.emit("Sub", self.name(x), mean)
        variance = self.emit("ReduceMean", self.emit("Mul", gap, gap), self.integers(d % x.meta["val"].dim() for d in dims), keepdims=1)
        self.parts[node] = (variance, mean)
        return variance

    def do_rsqrt(self, node, x):
        return self.emit("Reciprocal", self.emit("Sqrt", self.name(x)))

    def do_pow(self, node, x, exponent):
        if exponent == 1:
            return self.name(x)
        if exponent == 2:
            return self.emit("Mul", self.name(x), self.name(x))
        return self.emit("Pow", self.name(x), self.name(float(exponent)))

    def do_gelu(self, node, x):
        half = self.emit("Erf", self.emit("Mul", self.name(x), self.name(math.sqrt(0.5))))
        return self.emit("Mul", self.emit("Mul", self.name(x), self.name(0.5)), self.emit("Add", half, self.name(1.0)))

    def do__softmax(self, node, x, dim, half):
        return self.emit("Softmax", self.name(x), axis=dim % x.meta["val"].dim())

    def do_constant_pad_nd(self, node, x, pads, value=0.0):
        rank = x.meta["val"].dim()
        before, after = [0] * rank, [0] * rank
        for k in range(len(pads) // 2):
            before[rank - 1 - k], after[rank - 1 - k] = pads[2 * k], pads[2 * k + 1]
        return self.emit("Pad", self.name(x), self.integers([*before, *after]), self.name(float(value)))

    def do_clamp(self, node, x, low=None, high=None):
        name = self.name(x)
        if low is not None:
            name = self.emit("Max", name, self.name(float(low)))
        return name if high is None else self.emit("Min", name, self.name(float(high)))

    def do_index(self, node, x, indices):
        """Nearest upsampling: known rows and columns of the last two dimensions."""
        rows, columns = (self.constant[i].flatten() for i in indices[2:])
        if indices[0] is not None or indices[1] is not None or self.constant[indices[2]].dim() != 2:
            raise SystemExit("The training step indexes in a way that is no upsampling.")
        picked = self.emit("Gather", self.name(x), self.integers(rows.tolist()), axis=2)
        return self.emit("Gather", picked, self.integers(columns.tolist()), axis=3)


def _resolve(argument, constants):
    if isinstance(argument, torch.fx.Node):
        return constants[argument]
    if isinstance(argument, (list, tuple)):
        return type(argument)(_resolve(a, constants) for a in argument)
    return argument


def translate(recorded: torch.fx.GraphModule, inputs: list[str], outputs: list[str], opset: int) -> onnx.ModelProto:
    """The graph with all placeholders as inputs, named in order."""
    t, ports, results = Translator(), [], []
    names = iter(inputs)
    for node in recorded.graph.nodes:
        if node.op == "placeholder":
            t.value[node] = next(names)
            ports.append(helper.make_tensor_value_info(t.value[node], KINDS[node.meta["val"].dtype], list(node.meta["val"].shape)))
        elif node.op == "get_attr":
            t.constant[node] = getattr(recorded, node.target).detach().clone()
        elif node.op == "call_function" and node.target is operator.getitem:
            t.value[node] = t.parts[node.args[0]][node.args[1]]
        elif node.op == "call_function" and node.target is aten.full_like.default:
            t.constant[node] = torch.full(tuple(node.meta["val"].shape), node.args[1], dtype=node.meta["val"].dtype)
        elif node.op == "call_function" and all(n in t.constant for n in node.all_input_nodes):
            t.constant[node] = node.target(*_resolve(node.args, t.constant), **node.kwargs)
        elif node.op == "call_function":
            t.value[node] = t.translate(node)
        elif node.op == "output":
            for name, value in zip(outputs, node.args[0]):
                t.nodes.append(helper.make_node("Identity", [t.name(value)], [name]))
                results.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.meta["val"].shape)))
    graph = helper.make_graph(t.nodes, "training_step", ports, results, list(t.initializers.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
