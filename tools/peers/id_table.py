"""A step of an id table: EmbeddingBag (mean, sparse gradient) and SparseAdam, 4096 random ids in bags of 4, a million
rows of 64. SparseAdam knows no decay; ours has it at 0."""

import torch

from with_torch import start

IDS, BAG, ROWS, COLUMNS = 4096, 4, 1_000_000, 64


def open(variant, threads):
    start(threads)
    table = torch.nn.EmbeddingBag(ROWS, COLUMNS, mode="mean", sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=1e-3)
    ids, offsets = torch.randint(0, ROWS, (IDS,)), torch.arange(0, IDS, BAG)
    upstream = torch.randn(IDS // BAG, COLUMNS)

    def repetition():
        optimizer.zero_grad()
        table(ids, offsets).backward(upstream)
        optimizer.step()

    return "EmbeddingBag, SparseAdam", repetition
