"""Times one ONNX graph in native onnxruntime on the CPU, for `npm run bench`.

Reads a JSON job from standard input: {graph, threads, runs, feeds: {name: {dtype, dims, data}}}
and answers one JSON line: {version, loadSeconds, seconds: [per run], output: [first output, flat]}.
The weights are beside the graph under the name that the graph itself refers to.
"""

import json
import sys
import time

import numpy
import onnxruntime

job = json.load(sys.stdin)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = job["threads"]
options.inter_op_num_threads = 1
start = time.perf_counter()
session = onnxruntime.InferenceSession(job["graph"], options, providers=["CPUExecutionProvider"])
load = time.perf_counter() - start
feeds = {name: numpy.array(feed["data"], dtype=feed["dtype"]).reshape(feed["dims"]) for name, feed in job["feeds"].items()}
output = session.run(None, feeds)[0]
seconds = []
for _ in range(job["runs"]):
    start = time.perf_counter()
    session.run(None, feeds)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"version": onnxruntime.__version__, "loadSeconds": load, "seconds": seconds, "output": output.astype("float64").ravel().tolist()}))
