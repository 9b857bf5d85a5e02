"""Texts of the lengths that our side reads too, as padded batches."""

import pathlib

import torch

VOCAB, LONGEST = 30522, 128
FILE = pathlib.Path(__file__).resolve().parents[2] / "benchmarks/shapes/texts.lengths"


def lengths(first, count):
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    return [int(line) for line in lines[first:first + count]]


def padded(batch):
    """ids and mask [rows, longest]; padding has id 0."""
    longest = torch.tensor(batch)
    mask = torch.arange(max(batch)) < longest[:, None]
    return torch.randint(0, VOCAB, mask.shape) * mask, mask


def batches(first, rows, count, by_length=False):
    """`count` batches of `rows` texts: as they come, or texts of like lengths together."""
    n = lengths(first, rows * count)
    if by_length:
        n.sort()
    return [padded(n[i:i + rows]) for i in range(0, rows * count, rows)]
