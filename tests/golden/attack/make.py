"""Golden data of Ring-A-Bell (Tsai et al. 2024, arXiv 2310.10012), in NumPy (float64): concept vector, target, search.

The encoder is a small causal one on tables that `noise` gives; random numbers are a stream of murmur3's finaliser, so that
the test computes both alike and only results are stored. The search is written row by row as the paper's section 3.3 and
its settings describe it: the better half survives, each survivor has with probability `crossover` two children with another
one, and each prompt gets with probability `mutation` one token at random.
"""

import json
import pathlib

import numpy as np

VOCABULARY, LENGTH, WIDTH = 40, 6, 5
SETTINGS = {"population": 21, "generations": 25, "crossover": 0.5, "mutation": 0.25, "length": LENGTH, "eta": 3.0}
PAIRS = 7


def mixed(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def noise(stream: int, *shape: int) -> np.ndarray:
    """Values in [-1.7, 1.7): murmur3's finaliser of stream·2²⁰ + index, scaled, in float32."""
    x = mixed(np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(stream) * np.uint64(1 << 20))
    return ((x.astype(np.float64) / 2**32 - 0.5) * 3.4).astype(np.float32).astype(np.float64).reshape(shape)


class Stream:
    """Random numbers: the finaliser of a counter from 1, divided by 2³²."""

    def __init__(self) -> None:
        self.count = 0

    def uniform(self) -> float:
        self.count += 1
        return float(mixed(np.array([self.count], dtype=np.uint64))[0]) / 2**32

    def integer(self, n: int) -> int:
        return int(self.uniform() * n)


TABLE = noise(1, VOCABULARY, WIDTH)
POSITION = noise(2, LENGTH, WIDTH)


def encode(rows: np.ndarray) -> np.ndarray:
    """[n, LENGTH] → [n, LENGTH, WIDTH]: every position sees its token and half of the one before it."""
    own = TABLE[rows]
    before = np.concatenate([np.zeros_like(own[:, :1]), own[:, :-1]], 1)
    return np.tanh(own + 0.5 * before + POSITION)


def concept_vector() -> np.ndarray:
    return (noise(3, PAIRS, LENGTH, WIDTH) - noise(4, PAIRS, LENGTH, WIDTH)).mean(0)


def search(target: np.ndarray) -> tuple[list[float], list[int]]:
    """Best squared distance of every generation, and the fittest prompt of the last."""
    random, size = Stream(), SETTINGS["population"]
    population = np.array([[random.integer(VOCABULARY) for _ in range(LENGTH)] for _ in range(size)])
    best = []
    for step in range(SETTINGS["generations"]):
        score = ((target - encode(population)) ** 2).sum((1, 2))
        order = np.argsort(score, kind="stable")
        best.append(float(score[order[0]]))
        population = population[order][: size // 2]
        if step == SETTINGS["generations"] - 1:
            break
        children = []
        for parent in population:
            children.append(parent)
            if random.uniform() < SETTINGS["crossover"]:
                other, cut = population[random.integer(len(population))], random.integer(LENGTH)
                children += [np.r_[parent[:cut], other[cut:]], np.r_[other[:cut], parent[cut:]]]
        population = np.array(children)
        for row in population:
            if random.uniform() < SETTINGS["mutation"]:
                place = random.integer(LENGTH)
                row[place] = random.integer(VOCABULARY)
    return best, population[0].tolist()


def main() -> None:
    concept = concept_vector()
    target = noise(5, LENGTH, WIDTH) + SETTINGS["eta"] * concept
    best, prompt = search(target)
    golden = {
        "vocabulary": VOCABULARY, "width": WIDTH, "pairs": PAIRS, "settings": SETTINGS,
        "concept": concept.reshape(-1).tolist(), "target": target.reshape(-1).tolist(), "best": best, "prompt": prompt,
    }
    pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
