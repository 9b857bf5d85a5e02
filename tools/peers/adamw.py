"""torch's AdamW on 100 million parameters, fused or foreach, whichever is faster here."""

import torch

from ways import fastest
from with_torch import start

N = 100_000_000


def open(variant, threads):
    start(threads)
    weight = torch.nn.Parameter(torch.randn(N))
    weight.grad = 1e-3 * torch.randn(N)

    def way(**how):
        return torch.optim.AdamW([weight], lr=1e-3, weight_decay=0.01, **how).step

    name, _ = fastest({"fused": way(fused=True), "foreach": way(foreach=True)})
    return name, way(**{name: True})
