"""A text CNN of torch's Embedding and Conv1d over padded texts: ReLU, maximum over time. Padding cannot win, but it is
computed. A step takes a fixed gradient of the maxima back into all parameters. Unfolded windows through Linear, Conv2d,
and amax were tried by hand and were slower."""

import torch
from torch.nn.functional import max_pool1d

import texts
from with_torch import start

ROWS, BATCHES, EMBED, WIDTHS, FILTERS = 256, 4, 128, (2, 3, 4, 5), 128


class TextCnn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.token = torch.nn.Embedding(texts.VOCAB, EMBED)
        self.convs = torch.nn.ModuleList(torch.nn.Conv1d(EMBED, FILTERS, width) for width in WIDTHS)

    def forward(self, ids, lengths):
        x = self.token(ids).transpose(1, 2)
        pooled = []
        for width, conv in zip(WIDTHS, self.convs):
            y = torch.relu(conv(x))
            inside = torch.arange(y.shape[2]) <= (lengths - width)[:, None]
            pooled.append(max_pool1d(y * inside[:, None, :], y.shape[2]).squeeze(2))
        return torch.cat(pooled, 1)


def open(variant, threads):
    start(threads)
    batches = [(ids, mask.sum(1)) for ids, mask in texts.batches(0, ROWS, BATCHES)]
    cnn = TextCnn()
    upstream = 1e-3 * torch.randn(ROWS, FILTERS * len(WIDTHS))

    def step():
        for ids, lengths in batches:
            cnn.zero_grad()
            cnn(ids, lengths).backward(upstream)

    return "Conv1d, padded", step
