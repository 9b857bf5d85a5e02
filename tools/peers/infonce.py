"""InfoNCE both ways by torch's cross entropies, forward and backward, B = 4096, D = 256."""

import torch
from torch.nn.functional import cross_entropy, normalize

from with_torch import start

B, D = 4096, 256


def open(variant, threads):
    start(threads)
    u = normalize(torch.randn(B, D)).requires_grad_()
    v = normalize(torch.randn(B, D)).requires_grad_()
    log_scale = torch.tensor(1 / 0.07).log().requires_grad_()
    positive = torch.arange(B)

    def repetition():
        for leaf in (u, v, log_scale):
            leaf.grad = None
        logits = u @ v.T * log_scale.exp()
        loss = (cross_entropy(logits, positive) + cross_entropy(logits.T, positive)) / 2
        loss.backward()

    return "two cross entropies", repetition
