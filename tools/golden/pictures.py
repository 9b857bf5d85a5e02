"""The item tower's pictures for step.py: batches of them, ResNets on torchvision's blocks, and the fusions, which are
written by hand from src/model/fusion.c's formulas."""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from formula import parameter

SOURCE, SIZE = 20, 16  # sides of stored pictures, and of what the network sees
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREFIX = "item.image."


@dataclasses.dataclass
class Pictures:
    network: str  # "small" or a function of torchvision.models
    fusion: str  # gated, concat, cross_attention
    seed: int  # of the pixels


# ---- batches --------------------------------------------------------------------------------------------------------


def add_pictures(b, pictures, number):
    """Pictures for some items, cropped and mirrored, some inside the edge and one up to it. Some texts are hidden; one
    item has neither text nor picture, several have both."""
    rng = np.random.default_rng([pictures.seed, number])
    items = len(b["item_platform"])
    rows = [r for r in range(items) if (r % 4 != 1 if number == 0 else r % 3 != 0)]
    n = len(rows)
    lengths = np.diff(b["item_text.offsets"])
    present = np.zeros((items, 2), np.int32)
    present[:, 0] = [lengths[r] > 0 and r % 5 != 1 for r in range(items)]
    present[rows, 1] = 1
    b["present"] = present.ravel()
    b["picture_row"] = np.array(rows, np.int32)
    tint = rng.integers(0, 128, (n, 1, 3))
    pixels = tint + rng.integers(0, 128, (n, SOURCE * SOURCE, 3))
    b["pixels"] = pixels.astype(np.uint8).ravel()
    crop = np.stack([rng.integers(0, 9, n) / 2, rng.integers(0, 9, n) / 2, rng.integers(50, 65, n) / 4,
                     rng.integers(50, 65, n) / 4], 1)
    crop[0] = (0, 0, SOURCE, SOURCE)
    b["crop"] = crop.astype(np.float32).ravel()
    b["flip"] = (np.arange(n) % 2).astype(np.int32)


def samples(start, length):
    """[SIZE, SOURCE]: the weights of bilinear sampling along one side."""
    at = np.clip(start + (np.arange(SIZE) + 0.5) * length / SIZE - 0.5, 0, SOURCE - 1)
    first = np.floor(at).astype(int)
    out = np.zeros((SIZE, SOURCE))
    np.add.at(out, (np.arange(SIZE), first), 1 - (at - first))
    np.add.at(out, (np.arange(SIZE), np.minimum(first + 1, SOURCE - 1)), at - first)
    return out


def seen(b):
    """[n, 3, SIZE, SIZE], cropped, mirrored and normalised."""
    n = len(b["picture_row"])
    pixels = b["pixels"].reshape(n, SOURCE, SOURCE, 3) / 255.0
    crops = b["crop"].reshape(n, 4).astype(np.float64)
    out = []
    for i in range(n):
        x0, y0, width, height = crops[i]
        view = np.einsum("ip,jq,pqc->cij", samples(y0, height), samples(x0, width), pixels[i])
        if b["flip"][i]:
            view = view[:, :, ::-1]
        out.append((view - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1)))
    return torch.from_numpy(np.stack(out))


# ---- networks -------------------------------------------------------------------------------------------------------


class SmallResNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(32)
        self.relu = torch.nn.ReLU()
        width = 32
        for stage, channels in enumerate((32, 64, 128), 1):
            blocks = []
            for i in range(2):
                stride = 2 if stage > 1 and i == 0 else 1
                shortcut = None
                if stride != 1 or width != channels:
                    shortcut = torch.nn.Sequential(torch.nn.Conv2d(width, channels, 1, stride, bias=False),
                                                   torch.nn.BatchNorm2d(channels))
                blocks.append(torchvision.models.resnet.BasicBlock(width, channels, stride, shortcut))
                width = channels
            setattr(self, f"layer{stage}", torch.nn.Sequential(*blocks))

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x))).mean((2, 3))


def make_network(kind):
    """In float64, with the formula's weights."""
    if kind == "small":
        net, width = SmallResNet(), 128
    else:
        net = getattr(torchvision.models, kind)(weights=None)
        width, net.fc = net.fc.in_features, torch.nn.Identity()
    net = net.double()
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                t.copy_(torch.from_numpy(parameter(name, tuple(t.shape))))
    return net, width


class Content(torch.nn.Module):
    """An item's text row and picture, fused to one row of dim columns."""

    def __init__(self, pictures, text_width, dim):
        super().__init__()
        self.fusion, self.dim = pictures.fusion, dim
        self.network, width = make_network(pictures.network)
        self.margin = float("inf")  # of all inputs of ReLUs so far from the kink at 0
        for m in self.network.modules():
            if isinstance(m, torch.nn.ReLU):
                m.inplace = False
                m.register_forward_hook(self.look)
        self.text, self.image = torch.nn.Linear(text_width, dim, bias=False), torch.nn.Linear(width, dim, bias=False)
        self.batch_norm = torch.nn.BatchNorm1d(2 * dim)
        self.missing = torch.nn.Parameter(torch.empty(2, dim))
        if self.fusion == "cross_attention":
            self.kind = torch.nn.Parameter(torch.empty(2, dim))
            self.qkv, self.output = torch.nn.Linear(dim, 3 * dim), torch.nn.Linear(dim, dim)
            self.norm = torch.nn.LayerNorm(dim, eps=1e-5)
        else:
            self.mix = torch.nn.Linear(2 * dim, dim if self.fusion == "concat" else 2)
        self.double()

    def look(self, module, inputs, _):
        if module.training:  # without a gradient the kink is harmless
            self.margin = min(self.margin, inputs[0].abs().min().item())

    def forward(self, text, b):
        pooled = self.network(seen(b))
        rows = torch.tensor(b["picture_row"].astype(int))
        placed = torch.zeros(len(text), pooled.shape[1], dtype=torch.float64).index_copy(0, rows, pooled)
        present = torch.tensor(b["present"].reshape(-1, 2) > 0)
        z = self.batch_norm(torch.cat([self.text(text), self.image(placed)], 1)).view(-1, 2, self.dim)
        z = torch.where(present[:, :, None], z, self.missing[None])
        if self.fusion == "concat":
            return self.mix(z.flatten(1))
        if self.fusion == "gated":
            return (torch.softmax(self.mix(z.flatten(1)), 1)[:, :, None] * z).sum(1)
        x = z + self.kind[None]
        q, k, v = self.qkv(x).chunk(3, 2)
        mixed = F.scaled_dot_product_attention(q, k, v)  # one head: the rows are narrower than 32
        return self.norm(x + self.output(mixed)).mean(1)

    def ours(self):
        """Names without "item." -> parameter."""
        names = {f"image.{n}": p for n, p in self.network.named_parameters()}
        names.update({f"fusion.{n}": p for n, p in self.named_parameters() if not n.startswith("network.")})
        return names

    def statistics(self):
        buffers = [(f"{PREFIX}{n}", t) for n, t in self.network.named_buffers()]
        buffers += [(f"item.fusion.batch_norm.{n}", t) for n, t in self.batch_norm.named_buffers()]
        return {n: t for n, t in buffers if not n.endswith("num_batches_tracked")}
