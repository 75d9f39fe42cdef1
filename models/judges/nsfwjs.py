"""NSFWJS' MobileNetV2 on your machine, as an ONNX file: the network that npm's package nsfwjs carries (MIT).

    npm install nsfwjs && python models/judges/nsfwjs.py node_modules/nsfwjs OUT

The package stores Keras layers with weights in eight bits; Node reads its modules, and each layer becomes an ONNX node.
The graph takes pictures as TensorFlow does ([n, 224, 224, 3], 0 to 1) and ends in Softmax.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS = ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"]
UNSAFE = ["Hentai", "Porn", "Sexy"]
SIDE, OPSET = 224, 17
READ = """
const folder = process.argv[1]; const fs = require('fs'); const path = require('path');
const model = require(path.join(folder, 'model.min.js'));
const shards = fs.readdirSync(folder).filter((name) => name.startsWith('group')).sort();
process.stdout.write(JSON.stringify({ model, shards: shards.map((name) => require(path.join(folder, name))) }));
"""


def weights(model: dict, data: bytes) -> dict[str, np.ndarray]:
    """Every tensor as float32: min + scale · q."""
    found, at = {}, 0
    for entry in (entry for group in model["weightsManifest"] for entry in group["weights"]):
        count, quantised = int(np.prod(entry["shape"])), entry.get("quantization")
        kind = np.dtype(quantised["dtype"] if quantised else entry["dtype"])
        values = np.frombuffer(data, kind, count, at).astype(np.float32)
        at += count * kind.itemsize
        if quantised:
            values = values * np.float32(quantised["scale"]) + np.float32(quantised["min"])
        found[entry["name"]] = values.reshape(entry["shape"])
    if at != len(data):
        raise SystemExit(f"The weights have {len(data)} bytes, and {at} are described.")
    return found


class Graph:
    """Nodes and constants of an ONNX graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name


def padding(config: dict, kernel: list[int]) -> dict:
    if config["padding"] == "valid":
        return {}
    if max(config["strides"]) == 1:
        return {"pads": [k // 2 for k in kernel] * 2}
    return {"auto_pad": "SAME_UPPER"}


def convolution(graph: Graph, name: str, config: dict, source: str, w: dict[str, np.ndarray], depthwise: bool) -> str:
    kernel = w[f"{name}/{'depthwise_kernel' if depthwise else 'kernel'}"]
    # TensorFlow keeps [height, width, in, out]; a depthwise kernel [height, width, in, 1] has one group per channel.
    value = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
    inputs = [source, graph.constant(f"{name}.w", value)]
    if config["use_bias"]:
        inputs.append(graph.constant(f"{name}.b", w[f"{name}/bias"]))
    return graph.node("Conv", inputs, name, strides=config["strides"], group=kernel.shape[2] if depthwise else 1, **padding(config, list(kernel.shape[:2])))


def activated(graph: Graph, name: str, kind: str, source: str) -> str:
    if kind == "linear":
        return source
    return graph.node({"relu": "Relu", "softmax": "Softmax"}[kind], [source], f"{name}.{kind}")


def layer(graph: Graph, kind: str, name: str, config: dict, inputs: list[str], w: dict[str, np.ndarray]) -> str:
    source = inputs[0]
    if kind == "ZeroPadding2D":
        (top, bottom), (left, right) = config["padding"]
        pads = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        return graph.node("Pad", [source, graph.constant(f"{name}.pads", pads)], name)
    if kind in ("Conv2D", "DepthwiseConv2D"):
        return activated(graph, name, config["activation"], convolution(graph, name, config, source, w, kind != "Conv2D"))
    if kind == "BatchNormalization":
        parts = [graph.constant(f"{name}.{part}", w[f"{name}/{part}"]) for part in ("gamma", "beta", "moving_mean", "moving_variance")]
        return graph.node("BatchNormalization", [source, *parts], name, epsilon=config["epsilon"])
    if kind == "ReLU":
        limit = [graph.constant(f"{name}.{part}", np.float32(value)) for part, value in (("min", 0), ("max", config["max_value"]))]
        return graph.node("Clip", [source, *limit], name)
    if kind == "Add":
        return graph.node("Add", inputs, name)
    if kind == "AveragePooling2D" and config["padding"] == "valid":
        return graph.node("AveragePool", [source], name, kernel_shape=config["pool_size"], strides=config["strides"])
    if kind == "Flatten":
        return graph.node("Flatten", [graph.node("Transpose", [source], f"{name}.t", perm=[0, 2, 3, 1])], name)
    if kind == "Dense":
        product = graph.node("MatMul", [source, graph.constant(f"{name}.w", w[f"{name}/kernel"])], f"{name}.m")
        if config["use_bias"]:
            product = graph.node("Add", [product, graph.constant(f"{name}.b", w[f"{name}/bias"])], f"{name}.a")
        return activated(graph, name, config["activation"], product)
    if kind == "Dropout":
        return source
    raise SystemExit(f"The layer {name} is a {kind}, which this script does not convert.")


def convert(package: Path) -> onnx.ModelProto:
    folder = (package / "dist" / "models" / "mobilenet_v2").resolve()
    read = json.loads(subprocess.run(["node", "-e", READ, str(folder)], check=True, capture_output=True, text=True).stdout)
    w = weights(read["model"], b"".join(base64.b64decode(shard) for shard in read["shards"]))
    config = read["model"]["modelTopology"]["model_config"]["config"]
    graph, made = Graph(), {}
    for one in config["layers"]:
        name = one["config"]["name"]
        if one["class_name"] == "InputLayer":
            made[name] = graph.node("Transpose", ["pixels"], name, perm=[0, 3, 1, 2])
            continue
        made[name] = layer(graph, one["class_name"], name, one["config"], [made[source[0]] for source in one["inbound_nodes"][0]], w)
    result = graph.node("Identity", [made[config["output_layers"][0][0]]], "probabilities")
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", SIDE, SIDE, 3])
    scores = helper.make_tensor_value_info(result, TensorProto.FLOAT, ["n", len(LABELS)])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "nsfwjs", [pixels], [scores], graph.constants), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    # Here, since `real/photographs.py` converts in an environment without PyTorch.
    import torch
    from files import graph_entry, run, write_judge

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="folder of the npm package")
    parser.add_argument("out", type=Path)
    parser.add_argument("--threshold", type=float, default=0.5)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "mobilenet_v2.onnx"
    onnx.save(convert(args.package), path)
    scores = next(iter(run(path, {"pixels": torch.full((1, SIDE, SIDE, 3), 0.5)}).values()))
    if scores.shape != (1, len(LABELS)) or abs(float(scores.sum()) - 1) > 1e-4:
        raise SystemExit(f"The network gives {scores}; {len(LABELS)} probabilities were expected.")
    write_judge(args.out, {
        "id": "nsfwjs-mobilenet-v2", "title": "NSFWJS (MobileNetV2)", "licence": "MIT", "source": "npm nsfwjs: mobilenet_v2", "axis": "S",
        "kind": "classifier", "preprocessing": {"mode": "nsfwjs", "size": SIDE}, "model": graph_entry(args.out, path), "labels": LABELS,
        "unsafe": UNSAFE, "threshold": args.threshold, "layout": "nhwc", "output": "probabilities"})


if __name__ == "__main__":
    main()
