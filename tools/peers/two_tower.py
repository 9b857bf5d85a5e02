"""A whole step of the two-tower model: BertModel for users, text CNN and torchvision's ResNet-18 behind a gate for
items, both cross entropies, torch's AdamW (fused or foreach, whichever is faster here)."""

import torch
import torchvision
from torch.nn.functional import cross_entropy, normalize

import texts
from text_cnn import FILTERS, WIDTHS, TextCnn
from user_tower import HIDDEN, Tower
from ways import fastest
from with_torch import normalised, pictures, start

PAIRS, STEPS, SIZE, DIM = 32, 2, 112, 256


class TwoTower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.user = Tower()
        self.user_projection = torch.nn.Linear(HIDDEN, DIM)
        self.text = TextCnn()
        self.text_projection = torch.nn.Linear(FILTERS * len(WIDTHS), DIM)
        self.image = torchvision.models.resnet18(weights=None)
        self.image.fc = torch.nn.Linear(512, DIM)
        self.gate = torch.nn.Linear(2 * DIM, 2)
        self.item_projection = torch.nn.Linear(DIM, DIM)
        self.log_scale = torch.nn.Parameter(torch.tensor(1 / 0.07).log())

    def items(self, ids, lengths, pixels):
        text = self.text_projection(self.text(ids, lengths))
        image = self.image(normalised(pixels).contiguous(memory_format=torch.channels_last))
        both = torch.stack((text, image), 1)
        share = torch.softmax(self.gate(both.flatten(1)), 1)
        return normalize(self.item_projection((share.unsqueeze(2) * both).sum(1)))

    def forward(self, users, items):
        u = normalize(self.user_projection(self.user(*users)))
        logits = u @ self.items(*items).T * self.log_scale.exp()
        positive = torch.arange(PAIRS)
        return (cross_entropy(logits, positive) + cross_entropy(logits.T, positive)) / 2


def way(batches, **how):
    model = TwoTower().train()
    model.image.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, **how)

    def step():
        for users, items in batches:
            optimizer.zero_grad()
            model(users, items).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return step


def open(variant, threads):
    start(threads)
    users = texts.batches(0, PAIRS, STEPS)
    items = [(ids, mask.sum(1), pictures(PAIRS, SIZE)) for ids, mask in texts.batches(STEPS * PAIRS, PAIRS, STEPS)]
    batches = list(zip(users, items))
    return fastest({"padded, AdamW fused": way(batches, fused=True),
                    "padded, AdamW foreach": way(batches, foreach=True)})
