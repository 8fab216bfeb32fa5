#!/usr/bin/env python3
"""Times torch.nn.LSTM and torch.nn.GRU, that is cuDNN, on the first CUDA device.

Reads the cases that dev.sequor.benchmarks.gpu.Grid prints, one a line:
cell pass mode layers directions lengths T B H. Needs Python 3.8 and PyTorch with CUDA;
--dry-run needs neither PyTorch nor a device, and --device cpu no device.

Weights, inputs and outputs are of the mode's type (fp32 and tf32: float32). CUDA events around
as many calls as fill 2 ms; copies of the inputs in turn, more than the second-level cache holds;
medians of at least 50. The TF32 flags are set for every case. Varying lengths are packed before
timing, since cuDNN takes them packed.
"""

import argparse
import json
import os
import statistics
import sys
import time

CELLS = {"lstm": 4, "gru-reset-after": 3}
PASSES = ("forward", "forwardBackward")
MODES = ("fp32", "tf32", "bf16", "fp16")
# Variables, by their beginnings, that could make cuDNN slower or another than it is; they are withheld from it.
STEERING = ("CUBLAS_", "CUBLASLT_", "CUDA_LAUNCH_BLOCKING", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "PYTORCH_", "TORCH_")
LEAST_REPETITIONS, MOST_REPETITIONS = 50, 200
REPETITION_MILLIS, ENOUGH_SECONDS = 2.0, 0.4


class Case:
    """One line of the file of cases."""

    def __init__(self, line):
        words = line.split()
        if len(words) != 9:
            raise ValueError(f"'{line.strip()}' has {len(words)} words; needed 9")
        self.name = " ".join(words)
        self.cell, self.passes, self.mode = words[:3]
        self.layers, self.directions = int(words[3]), int(words[4])
        self.variable = words[5] == "variable"
        self.T, self.B, self.H = (int(word) for word in words[6:])
        for word, known in ((self.cell, CELLS), (self.passes, PASSES), (self.mode, MODES)):
            if word not in known:
                raise ValueError(f"'{word}' in '{line.strip()}' is unknown; needed one of {', '.join(known)}")

    def lengths(self):
        """The same as GridCase.lengths() in Java, but at least 1 each, which PyTorch needs too."""
        ranks = [self.B - b // 2 if b % 2 == 0 else b // 2 + 1 for b in range(self.B)]
        return [max(1, self.T * rank // self.B) for rank in ranks]

    def copies(self):
        """As many inputs as Sequor goes round, counted in float32."""
        return min(8, 1 + (128 << 20) // (4 * self.T * self.B * self.H))

    def flops(self):
        total = 0
        for layer in range(self.layers):
            inputs = self.H if layer == 0 else self.directions * self.H
            total += 2 * self.T * self.B * CELLS[self.cell] * self.H * (inputs + self.H) * self.directions
        return 3 * total if self.passes == "forwardBackward" else total


class Clock:
    """CUDA events, or on the CPU (to try this program out) the host's clock."""

    def __init__(self, torch, device):
        self.torch, self.cuda = torch, device == "cuda"

    def millis(self, call, calls):
        """Milliseconds of each of so many calls."""
        if not self.cuda:
            started = time.perf_counter()
            for _ in range(calls):
                call()
            return 1e3 * (time.perf_counter() - started) / calls
        start = self.torch.cuda.Event(enable_timing=True)
        end = self.torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / calls


def prepared(torch, case, device):
    """The timed call."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(case.mode, torch.float32)
    torch.backends.cudnn.allow_tf32 = case.mode == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = case.mode == "tf32"
    torch.manual_seed(11)
    kind = torch.nn.LSTM if case.cell == "lstm" else torch.nn.GRU
    stack = kind(case.H, case.H, case.layers, bidirectional=case.directions == 2).to(device=device, dtype=dtype)
    training = case.passes == "forwardBackward"
    stack.train(training)
    rnn = torch.nn.utils.rnn
    inputs, gradients = [], []
    for _ in range(case.copies()):
        x = (2 * torch.rand(case.T, case.B, case.H, device=device) - 1).to(dtype)
        if case.variable:
            packed = rnn.pack_padded_sequence(x, case.lengths(), enforce_sorted=False)
            leaf = packed.data.detach().requires_grad_(training)
            x = rnn.PackedSequence(leaf, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        else:
            x.requires_grad_(training)
        inputs.append(x)
        rows = (x.data.shape[0],) if case.variable else (case.T, case.B)
        gradients.append((2 * torch.rand(*rows, case.directions * case.H, device=device) - 1).to(dtype))
    turn = [0]

    def forward():
        with torch.no_grad():
            stack(inputs[turn[0]])
        turn[0] = (turn[0] + 1) % len(inputs)

    def forward_backward():
        x = inputs[turn[0]]
        leaf = x.data if case.variable else x
        leaf.grad = None
        stack.zero_grad(set_to_none=True)
        y, _ = stack(x)
        (y.data if case.variable else y).backward(gradients[turn[0]])
        turn[0] = (turn[0] + 1) % len(inputs)

    return forward_backward if training else forward


def timed(torch, case, device, deadline):
    call, clock = prepared(torch, case, device), Clock(torch, device)
    for _ in range(2 * case.copies()):
        call()
    calls = int(min(64, 1 + REPETITION_MILLIS / max(1e-4, clock.millis(call, case.copies()))))
    clock.millis(call, calls)
    millis, started = [], time.monotonic()
    while len(millis) < MOST_REPETITIONS and (
        len(millis) < LEAST_REPETITIONS or time.monotonic() - started < ENOUGH_SECONDS
    ):
        millis.append(clock.millis(call, calls))
        if time.monotonic() > deadline:
            break
    median = statistics.median(millis)
    return {
        "case": case.name,
        "medianMillis": median,
        "minMillis": min(millis),
        "maxMillis": max(millis),
        "repetitions": len(millis),
        "callsPerRepetition": calls,
        "copies": case.copies(),
        "allowTf32": torch.backends.cudnn.allow_tf32,
        "teraflops": case.flops() / median / 1e9,
    }


def withhold(environment):
    """Removes what steers the libraries, before they are loaded; returns the names."""
    names = sorted(name for name in environment if name.startswith(STEERING))
    for name in names:
        del environment[name]
    return names


def versions(torch, device):
    found = {"python": sys.version.split()[0], "torch": torch.__version__, "cuda": torch.version.cuda}
    found["cudnn"] = torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None
    found["device"] = torch.cuda.get_device_name(0) if device == "cuda" else "cpu"
    return found


def write(path, results):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(results, out, indent=2)
        out.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", required=True, help="file of cases")
    parser.add_argument("--out", help="file for the results, JSON")
    parser.add_argument("--seconds", type=float, default=100, help="no case is begun later than this")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dry-run", action="store_true", help="check the cases and print them")
    arguments = parser.parse_args()
    with open(arguments.cases, encoding="utf-8") as lines:
        cases = [Case(line) for line in lines if line.strip()]
    if arguments.dry_run:
        for case in cases:
            steps = sum(case.lengths()) if case.variable else case.T * case.B
            print(f"{case.name}: {case.copies()} copies, {case.flops() / 1e9:.3g} GFLOP, {steps} steps of all sequences")
        return 0
    if not arguments.out:
        parser.error("--out is missing")
    withheld = withhold(os.environ)
    try:
        import torch
    except ImportError as e:
        print(f"cudnn.py: no PyTorch for {sys.executable}: {e}", file=sys.stderr)
        return 3
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print(f"cudnn.py: PyTorch {torch.__version__} finds no CUDA device", file=sys.stderr)
        return 3
    deadline = time.monotonic() + arguments.seconds
    results = {"versions": versions(torch, arguments.device), "withheld": withheld, "rows": [], "skipped": []}
    for case in cases:
        if time.monotonic() > deadline:
            results["skipped"].append({"case": case.name, "why": "out of time"})
            continue
        try:
            results["rows"].append(timed(torch, case, arguments.device, deadline))
            print("cudnn", case.name, results["rows"][-1]["medianMillis"], "ms", file=sys.stderr)
        except (RuntimeError, NotImplementedError) as e:
            results["skipped"].append({"case": case.name, "why": str(e).splitlines()[0]})
            if arguments.device == "cuda":
                torch.cuda.empty_cache()
        write(arguments.out, results)
    write(arguments.out, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
