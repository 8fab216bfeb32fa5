#!/usr/bin/env python3
"""The training of dev.sequor.benchmarks.peers.LanguageModel in a Python's own PyTorch, with the same options and figures.

Prints one JSON object. Needs PyTorch. benchmarks/run language-model --python PATH runs it.
"""

import argparse
import json
import math
import os
import sys
import time
from array import array

# Held-out text is read as one stream, so every prediction sees all that came before.
EVALUATION_STEPS = 1024


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", required=True)
    for name, kind, default in (
        ("held-out", float, 0.1),
        ("hidden", int, 128),
        ("layers", int, 1),
        ("dropout", float, 0.0),
        ("embedding", int, 64),
        ("seq-length", int, 64),
        ("batch", int, 32),
        ("epochs", int, 3),
        ("steps", int, 0),
        ("lr", float, 2e-3),
        ("clip", float, 5.0),
        ("seed", int, 1),
        ("threads", int, os.cpu_count()),
    ):
        parser.add_argument("--" + name, type=kind, default=default)
    parser.add_argument("--schedule", choices=("constant", "linear", "cosine"), default="constant")
    return parser.parse_args()


def rate(schedule, first, step, steps):
    """dev.sequor.model.RateSchedule: a run has 100 stages, each with one rate."""
    stage = min(99, step * 100 // steps)
    if schedule == "linear":
        return first * min(1.0, 2.0 * (100 - stage) / 100)
    return first * (0.5 + 0.5 * math.cos(math.pi * stage / 100)) if schedule == "cosine" else first


def main():
    chosen = options()
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(chosen.threads)
    torch.manual_seed(chosen.seed)
    # Line ends as they are: Java reads them so.
    with open(chosen.text, encoding="utf-8", newline="") as file:
        text = file.read()
    vocabulary = {character: i for i, character in enumerate(sorted(set(text)))}
    tokens = torch.tensor(array("q", (vocabulary[character] for character in text)))
    cut = math.floor(len(tokens) * (1 - chosen.held_out) + 1e-6)
    T, B = chosen.seq_length, chosen.batch
    stream = (cut - 1) // B
    windows = stream // T
    if cut < 1 or len(tokens) - cut < 2 or windows < 1:
        sys.exit(f"{chosen.text} has {len(tokens)} characters; too few for these options")

    characters = torch.nn.Embedding(len(vocabulary), chosen.embedding)
    lstm = torch.nn.LSTM(chosen.embedding, chosen.hidden, chosen.layers, dropout=chosen.dropout)
    dense = torch.nn.Linear(chosen.hidden, len(vocabulary))
    parameters = [p for module in (characters, lstm, dense) for p in module.parameters()]
    adam = torch.optim.Adam(parameters, lr=chosen.lr)
    state = None

    def reset(batch):
        return tuple(torch.zeros(chosen.layers, batch, chosen.hidden) for _ in range(2))

    def loss_of(inputs, targets):
        nonlocal state
        y, (h, c) = lstm(characters(inputs), state)
        state = (h.detach(), c.detach())
        return cross_entropy(dense(y).flatten(0, 1), targets.flatten())

    streams = tokens[: B * stream].view(B, stream)
    following = tokens[1 : B * stream + 1].view(B, stream)
    steps = chosen.epochs * windows
    steps = min(chosen.steps, steps) if chosen.steps > 0 else steps
    counted = max(1, steps // 10)
    total = 0.0
    start = time.perf_counter()
    for step in range(steps):
        window = step % windows
        if window == 0:
            state = reset(B)
        part = slice(window * T, (window + 1) * T)
        inputs, targets = streams[:, part].t().contiguous(), following[:, part].t().contiguous()
        adam.param_groups[0]["lr"] = rate(chosen.schedule, chosen.lr, step, steps)
        adam.zero_grad(set_to_none=True)
        loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, chosen.clip)
        adam.step()
        if step >= steps - counted:
            total += loss.item()
        if step % 100 == 0:
            print(f"step {step} of {steps}: {loss.item() / math.log(2):.3f} bits", file=sys.stderr)
    seconds = time.perf_counter() - start

    held_out = tokens[cut:]
    state, nats = reset(1), 0.0
    lstm.eval()
    with torch.no_grad():
        for first in range(0, len(held_out) - 1, EVALUATION_STEPS):
            end = min(first + EVALUATION_STEPS, len(held_out) - 1)
            inputs, targets = held_out[first:end, None], held_out[first + 1 : end + 1, None]
            nats += loss_of(inputs, targets).item() * (end - first)
    print(
        json.dumps(
            {
                "device": f"PyTorch {torch.__version__} of Python, {chosen.threads} threads",
                "steps": steps,
                "seconds": seconds,
                "charactersPerSecond": steps * T * B / seconds,
                "trainBitsPerCharacter": total / counted / math.log(2),
                "heldOutBitsPerCharacter": nats / (len(held_out) - 1) / math.log(2),
            }
        )
    )


if __name__ == "__main__":
    main()
