#!/usr/bin/env python3
"""torch.nn.LSTM and torch.nn.GRU of a Python's own PyTorch, as a contender of cpu-peers.

Speaks the protocol of dev.sequor.benchmarks.Child: standard input says what to do, a JSON object a line, and each line of
answer follows the mark. Ends with its input. Needs PyTorch and NumPy.

usage: torch_contender.py THREADS packed|padded float32|bfloat16      bfloat16: weights, inputs, states and results are of it
"""

import gc
import json
import os
import sys
import time

MARK = "@sequor "
GATES = {"LSTM": 4, "GRU_RESET_AFTER": 3}
SAMPLES = 500
MASK = (1 << 64) - 1

# The protocol has standard output to itself: whatever a library prints goes to standard error.
replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
# NumPy's OpenBLAS would say which kernels it takes; no product here is NumPy's.
os.environ.pop("OPENBLAS_VERBOSE", None)


def send(**reply):
    replies.write(MARK + json.dumps(reply) + "\n")
    replies.flush()


def explain(error):
    return f"{type(error).__name__}: {error}".replace("\n", " ")


try:
    import numpy as np
    import torch
    from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
except Exception as error:  # whatever it is, the run goes on without this contender
    send(error=explain(error), nanos=0)
    sys.exit(0)


def mix(counters):
    """Problem.mix: SplitMix64 of an array of counters, modulo 2^64."""
    z = (counters + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Problem:
    """The numbers of a case, the same as dev.sequor.benchmarks.Problem has."""

    def __init__(self, what, seed):
        self.lstm = what["cell"] == "LSTM"
        self.training = what["pass"] == "FORWARD_BACKWARD"
        self.T, self.B, self.H = what["timeSteps"], what["batchSize"], what["hiddenSize"]
        self.L, self.D = what.get("layers", 1), what.get("directions", 1)
        self.ragged = what.get("ragged", False)
        self.G = GATES[what["cell"]]
        self.seed = seed
        self.lengths = np.full(self.B, self.T, dtype=np.int64)
        if self.ragged:
            self.lengths = (1 + mix(np.arange(self.B, dtype=np.uint64)) % np.uint64(self.T)).astype(np.int64)
            self.lengths[int(np.argmax(self.lengths))] = self.T

    def uniform(self, tensor, bound, *shape):
        elements = int(np.prod(shape))
        start = (self.seed * 0x632BE59BD9B4E019 + (tensor << 40)) & MASK
        bits = mix(np.arange(elements, dtype=np.uint64) + np.uint64(start))
        values = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23)
        values = values - np.float32(1) + np.float32(2.0**-24)
        return torch.from_numpy((values * np.float32(bound)).reshape(shape))

    def input_size(self, layer):
        return self.H if layer == 0 else self.D * self.H

    def x(self):
        return self.uniform(1, np.sqrt(3), self.T, self.B, self.H)

    def output_gradient(self):
        return self.masked(self.uniform(6, 1, self.T, self.B, self.D * self.H))

    def parameters(self, layer, direction):
        """W, R, bW and bR."""
        rows, bound, at = self.G * self.H, 1 / np.sqrt(self.H), 8 * (layer * self.D + direction)
        return (
            self.uniform(2 + at, bound, rows, self.input_size(layer)),
            self.uniform(3 + at, bound, rows, self.H),
            self.uniform(4 + at, bound, rows),
            self.uniform(5 + at, bound, rows),
        )

    def masked(self, tensor):
        for b, length in enumerate(self.lengths):
            tensor[length:, b] = 0
        return tensor


def digest(tensor):
    """dev.sequor.benchmarks.Digest."""
    values = tensor.detach().float().contiguous().numpy().reshape(-1)
    doubles = values.astype(np.float64)
    signs = np.where(mix(np.arange(values.size, dtype=np.uint64)).astype(np.int64) < 0, -1.0, 1.0)
    samples = min(SAMPLES, values.size)
    at = [i * (values.size - 1) // max(1, samples - 1) for i in range(samples)]
    return {
        "elements": int(values.size),
        "norm": float(np.sqrt(np.dot(doubles, doubles))),
        "projection": float(np.dot(doubles, signs)),
        "samples": [float(values[i]) for i in at],
    }


class Trial:
    """One case, ready to run."""

    def __init__(self, numbers, packed, dtype):
        self.numbers = numbers
        kind = torch.nn.LSTM if numbers.lstm else torch.nn.GRU
        self.layer = kind(numbers.H, numbers.H, num_layers=numbers.L, bidirectional=numbers.D == 2, dtype=dtype)
        self.names = {}
        with torch.no_grad():
            for layer in range(numbers.L):
                for direction in range(numbers.D):
                    ours = ("" if layer == 0 else f"_l{layer}") + ("_reverse" if direction else "")
                    theirs = f"_l{layer}" + ("_reverse" if direction else "")
                    values = numbers.parameters(layer, direction)
                    for our, their, value in zip(("W", "R", "bW", "bR"), ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), values):
                        parameter = getattr(self.layer, their + theirs)
                        parameter.copy_(value)
                        self.names["d" + our + ours] = parameter
        self.layer.train(numbers.training)
        x = numbers.x().to(dtype)
        dy = numbers.output_gradient().to(dtype) if numbers.training else None
        self.packed = None
        if numbers.ragged and packed:
            # Outside of the timed calls, which is in PyTorch's favour.
            self.packed = self.pack(x)
            x = self.packed.data
            dy = self.pack(dy).data if numbers.training else None
        self.x, self.dy = x.requires_grad_(numbers.training), dy
        self.input = self.x if self.packed is None else self.packed._replace(data=self.x)
        self.y = None

    def pack(self, padded):
        return pack_padded_sequence(padded, torch.from_numpy(self.numbers.lengths), enforce_sorted=False)

    def run(self):
        self.y = None
        if self.numbers.training:
            self.layer.zero_grad(set_to_none=True)
            self.x.grad = None
            self.y = self.forward()
            self.y.backward(self.dy)
        else:
            with torch.inference_mode():
                self.y = self.forward()

    def forward(self):
        y = self.layer(self.input)[0]
        return y.data if self.packed is not None else y

    def rows(self, tensor):
        """[T,B,·]; what lies past the end of a sequence counts for nothing."""
        tensor = tensor.detach().clone()
        if self.packed is None:
            return self.numbers.masked(tensor)
        return pad_packed_sequence(self.packed._replace(data=tensor))[0]

    def digests(self):
        results = {"y": digest(self.rows(self.y))}
        if self.numbers.training:
            results["dx"] = digest(self.rows(self.x.grad))
            for name, parameter in self.names.items():
                results[name] = digest(parameter.grad)
        return results


def describe():
    config = torch.__config__.show()
    onednn = next((line.strip(" -") for line in config.splitlines() if "oneDNN" in line or "MKL-DNN" in line), "no oneDNN")
    return (
        f"PyTorch {torch.__version__} of Python {sys.version.split()[0]}"
        f" ({'MKL' if torch.backends.mkl.is_available() else 'no MKL'}, {onednn}),"
        f" ATen's kernels for {torch.backends.cpu.get_cpu_capability()}"
    )


def main():
    threads, how, dtype = int(sys.argv[1]), sys.argv[2], getattr(torch, sys.argv[3])
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    send(description=describe() + f", {sys.argv[3]}", nanos=0)
    trial = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            nanos, digests = 0, None
            if request["command"] == "PREPARE":
                trial = None
                gc.collect()
                trial = Trial(Problem(request["what"], request["seed"]), how == "packed", dtype)
                start = time.perf_counter_ns()
                trial.run()
                nanos = time.perf_counter_ns() - start
                digests = trial.digests()
            elif request["command"] == "TIME":
                for _ in range(request["untimedCalls"]):
                    trial.run()
                start = time.perf_counter_ns()
                for _ in range(request["timedCalls"]):
                    trial.run()
                nanos = time.perf_counter_ns() - start
            else:
                trial = None
                gc.collect()
            send(nanos=nanos, digests=digests)
        except Exception as error:  # one case that fails ends no run
            send(error=explain(error), nanos=0)


if __name__ == "__main__":
    with np.errstate(over="ignore"):
        main()
