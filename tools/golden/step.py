"""Makes tests/golden/step/: whole training steps of small two-tower models by PyTorch in float64.

Needs `pip install torch torchvision numpy safetensors transformers` (2.15, 0.29, 2.4, 0.8 and 5.24 were used):

    python tools/golden/step.py --out tests/golden/step

The Transformer is transformers.BertModel, the text CNN torch.nn.functional.conv1d, ResNets are torchvision's blocks,
dense updates are torch.optim.AdamW, all gradients autograd's. Written by hand, from the formulas: the contrastive loss
(kernels/infonce.h), fusion (pictures.py), clipping, and AdamW on the rows of id tables (kernels/optimizer.h).

MODEL.safetensors holds the initial weights under the project's own names (f16, so that every reader starts from the
same numbers; those of ResNets come from formula.py) and two batches. MODEL.SCENARIO.safetensors holds, for one setting
of the loss: the loss and the figures of batch 0, the gradient of every parameter (id tables: rows that the batch
touches), and the losses of ten updates on batches 0, 1, 0, 1, ... With pictures also the loss in inference and the
running statistics after one update, and large tensors as sketches (formula.py). tests/model/test_golden_step.c has the
same settings in C.
"""

import argparse
import dataclasses
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel

import pictures
from formula import SKETCH, sketch
from pictures import Pictures

VOCAB, PLATFORMS, PERSONS, ENTITIES = 40, 3, 9, 13
USER_TOKENS, ITEM_TOKENS, HISTORY = 12, 9, 4
PAIRS, ITEMS, DIM = 12, 10, 16
CLS, SEP, FIRST_WORD = 2, 3, 5
# Adam's epsilon is large: with a small one a gradient of 1e-9 that is all rounding moves a weight as far as any other.
STEPS, BETA1, BETA2, EPS = 10, 0.9, 0.99, 1e-4
MARGIN = 2e-6  # of inputs of ReLUs from 0: several times what f32 rounds off a ResNet's


@dataclasses.dataclass
class Transformer:
    layers: int
    hidden: int
    heads: int
    ffn: int
    pool: str


@dataclasses.dataclass
class Cnn:
    embed: int
    widths: tuple
    filters: int


@dataclasses.dataclass
class Model:
    name: str
    user: Transformer
    item: object
    ids: int  # width of person and entity vectors and of the history, 0: none
    cosine: bool
    temperature: float
    pictures: Pictures | None = None


@dataclasses.dataclass
class Scenario:
    model: Model
    name: str
    logq: str
    same_group: bool
    row_share: float
    clip: float = 0.5
    lr: float = 0.003
    decay: float = 0.01
    id_lr: float = 0.01
    id_decay: float = 0.0
    learn_temperature: bool = True
    user_lr: float | None = None  # a group "user."
    user_decay: float | None = None
    image_lr: float | None = None  # a group "item.image."
    frozen: tuple = ()  # prefixes


CNN_MODEL = Model("text_cnn", Transformer(2, 32, 4, 48, "mean"), Cnn(12, (1, 2, 3), 10), 8, True, 0.1)
TWO_MODEL = Model("two_transformers", Transformer(1, 16, 2, 64, "cls"), Transformer(2, 16, 4, 24, "mean"), 0, False,
                  1.0)
SMALL_GATED, SMALL_CONCAT, SMALL_CROSS, BOTTLENECK = (
    dataclasses.replace(CNN_MODEL, name=name, pictures=Pictures(network, fusion, seed))
    for name, network, fusion, seed in (
     ("small_gated", "small", "gated", 1), ("small_concat", "small", "concat", 0),
     ("small_cross", "small", "cross_attention", 7), ("resnet50_gated", "resnet50", "gated", 1)))
MODELS = (CNN_MODEL, TWO_MODEL, SMALL_GATED, SMALL_CONCAT, SMALL_CROSS, BOTTLENECK)
SCENARIOS = [
    Scenario(CNN_MODEL, "none", "none", False, 1.0),
    Scenario(CNN_MODEL, "classic", "classic", True, 0.7, id_decay=0.1),
    Scenario(CNN_MODEL, "corrected", "corrected", False, 0.5),
    Scenario(TWO_MODEL, "corrected", "corrected", True, 0.5, learn_temperature=False, clip=2.0,
             user_lr=0.001, user_decay=0.0,
             frozen=("item.encoder.embeddings.token", "item.encoder.layer.0.ffn.norm.bias")),
    *(Scenario(model, "corrected", "corrected", False, 0.5, image_lr=0.0001) for model in MODELS if model.pictures),
]


# ---- batches --------------------------------------------------------------------------------------------------------


def csr(rows):
    offsets = np.cumsum([0] + [len(r) for r in rows]).astype(np.int32)
    return offsets, np.array([x for r in rows for x in r], dtype=np.int32)


def texts(rng, lengths, wrapped):
    rows = []
    for n in lengths:
        words = list(rng.integers(FIRST_WORD, VOCAB, n))
        rows.append([CLS, *words, SEP] if wrapped else words)
    return rows


def make_batch(rng, model, number):
    """Arrays by name. Pairs 0 and 1 share an item, 2 and 3 a person; pair 4 has an empty profile and no person, 5 no
    history; item 3 has no entity, item 4 no title; platform 2 has one pair and one item."""
    b = {}
    item_platform = np.array([0] * 5 + [1] * (ITEMS - 6) + [2], dtype=np.int32)
    pos = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 4, ITEMS - 1], dtype=np.int32)
    if number == 1:  # other pairs, fewer of them
        pos = np.array([1, 2, 2, 3, 5, 6, 8, 0, ITEMS - 1], dtype=np.int32)
    pairs = len(pos)
    user_lengths = rng.integers(1, USER_TOKENS - 1, pairs)
    user_lengths[4] = 0
    user_lengths[6] = USER_TOKENS - 2
    b["user_text.offsets"], b["user_text.ids"] = csr(texts(rng, user_lengths, True))
    wrapped = isinstance(model.item, Transformer)
    item_lengths = rng.integers(1, ITEM_TOKENS - 1, ITEMS)
    item_lengths[4] = 0
    item_lengths[5] = ITEM_TOKENS - (2 if wrapped else 0)
    item_lengths[6] = 2  # shorter than the widest filter
    b["item_text.offsets"], b["item_text.ids"] = csr(texts(rng, item_lengths, wrapped))
    b["item_platform"] = item_platform
    b["user_platform"] = item_platform[pos]
    b["pos"] = pos

    # Batch 1 leaves a part of the tables alone.
    persons = [[int(p)] for p in rng.integers(0, PERSONS - 2 * number, pairs)]
    persons[3] = list(persons[2])
    persons[4] = []
    b["person.offsets"], b["person.ids"] = csr(persons)
    entities = [[int(e)] for e in rng.permutation(ENTITIES - 2 * number)[:ITEMS]]
    entities[7] = list(entities[1])  # one thing on two platforms
    entities[3] = []
    b["entity.offsets"], b["entity.ids"] = csr(entities)
    history = [[int(e) for e in rng.integers(0, ENTITIES - number, rng.integers(1, HISTORY + 1))] for _ in range(pairs)]
    history[0] = [4, 4, 2]
    history[5] = []
    b["history.offsets"], b["history.ids"] = csr(history)

    known = [{int(pos[p])} | {int(i) for i in rng.choice(ITEMS, 2)} for p in range(pairs)]
    known[2] = known[3] = known[2] | known[3]
    known[6] = {int(pos[6])}
    b["mask_begin"], b["mask_col"] = csr([sorted(k) for k in known])
    weight = rng.uniform(0.5, 2.0, pairs)
    weight[7] = 0.0
    b["weight"] = weight.astype(np.float32)
    b["item_logq"] = np.log(rng.uniform(0.01, 0.3, ITEMS)).astype(np.float32)
    b["user_logq"] = np.log(rng.uniform(0.01, 0.3, pairs)).astype(np.float32)
    if model.pictures:
        pictures.add_pictures(b, model.pictures, number)
    return b


# ---- the model ------------------------------------------------------------------------------------------------------


def our_layer(prefix):
    """Our name of one layer's parameters, and BERT's (several: stacked)."""
    bert = "encoder.layer."
    both = [("attention.qkv", [f"attention.self.{x}" for x in ("query", "key", "value")]),
            ("attention.output", ["attention.output.dense"]), ("attention.norm", ["attention.output.LayerNorm"]),
            ("ffn.up", ["intermediate.dense"]), ("ffn.down", ["output.dense"]), ("ffn.norm", ["output.LayerNorm"])]
    for ours, theirs in both:
        for kind in ("weight", "bias"):
            yield f"layer.{prefix}.{ours}.{kind}", [f"{bert}{prefix}.{t}.{kind}" for t in theirs]


def bert_names(layers):
    names = {"embeddings.token": ["embeddings.word_embeddings.weight"],
             "embeddings.position": ["embeddings.position_embeddings.weight"],
             "embeddings.type": ["embeddings.token_type_embeddings.weight"],
             "embeddings.norm.weight": ["embeddings.LayerNorm.weight"],
             "embeddings.norm.bias": ["embeddings.LayerNorm.bias"]}
    for i in range(layers):
        names.update(our_layer(i))
    return names


class TextTransformer(torch.nn.Module):
    def __init__(self, c, positions):
        super().__init__()
        self.pool, self.names = c.pool, bert_names(c.layers)
        self.bert = BertModel(BertConfig(
            vocab_size=VOCAB, hidden_size=c.hidden, num_hidden_layers=c.layers, num_attention_heads=c.heads,
            intermediate_size=c.ffn, max_position_embeddings=positions, type_vocab_size=1, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12, hidden_act="gelu", attn_implementation="eager"),
            add_pooling_layer=False).double()
        self.width = c.hidden

    def forward(self, rows):
        longest = max(len(r) for r in rows)
        ids = torch.tensor([r + [0] * (longest - len(r)) for r in rows])
        mask = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in rows])
        x = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pool == "cls":
            return x[:, 0]
        m = mask[:, :, None].double()
        return (x * m).sum(1) / m.sum(1)

    def ours(self):
        theirs = dict(self.bert.named_parameters())
        return {name: [theirs[t] for t in sources] for name, sources in self.names.items()}


class TextCnn(torch.nn.Module):
    def __init__(self, c, _):
        super().__init__()
        self.c = c
        self.token = torch.nn.Parameter(torch.empty(VOCAB, c.embed, dtype=torch.float64))
        self.convs = torch.nn.ModuleList(torch.nn.Conv1d(c.embed, c.filters, k).double() for k in c.widths)
        self.width = c.filters * len(c.widths)

    def forward(self, rows):
        out = []
        for r in rows:
            if not r:
                out.append(torch.zeros(self.width, dtype=torch.float64))
                continue
            x = self.token[torch.tensor(r)].T  # [embed, tokens]
            parts = []
            for k, conv in zip(self.c.widths, self.convs):
                wide = F.pad(x, (0, max(0, k - x.shape[1])))
                parts.append(F.relu(conv(wide[None])[0]).max(1).values)
            out.append(torch.cat(parts))
        return torch.stack(out)

    def ours(self):
        names = {"token": [self.token]}
        for k, conv in zip(self.c.widths, self.convs):
            names[f"conv{k}.weight"], names[f"conv{k}.bias"] = [conv.weight], [conv.bias]
        return names


class TwoTowers(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.user = TextTransformer(model.user, USER_TOKENS)
        kind = TextTransformer if isinstance(model.item, Transformer) else TextCnn
        self.item = kind(model.item, ITEM_TOKENS)
        self.content = pictures.Content(model.pictures, self.item.width, DIM) if model.pictures else None
        self.user_projection = torch.nn.Linear(self.user.width + 2 * model.ids, DIM).double()
        self.item_projection = torch.nn.Linear((DIM if self.content else self.item.width) + model.ids, DIM).double()
        self.user_platform = torch.nn.Parameter(torch.empty(PLATFORMS, DIM, dtype=torch.float64))
        self.item_platform = torch.nn.Parameter(torch.empty(PLATFORMS, DIM, dtype=torch.float64))
        self.log_scale = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        if model.ids:
            self.persons = torch.nn.Parameter(torch.empty(PERSONS, model.ids, dtype=torch.float64))
            self.entities = torch.nn.Parameter(torch.empty(ENTITIES, model.ids, dtype=torch.float64))

    def bag(self, table, b, name):
        rows = split(b, name)
        zero = torch.zeros(self.model.ids, dtype=torch.float64)
        return torch.stack([table[torch.tensor(r)].mean(0) if r else zero for r in rows])

    def finish(self, x, projection, platforms, platform):
        x = projection(x) + platforms[torch.tensor(platform)]
        return F.normalize(x, dim=1, eps=1e-6) if self.model.cosine else x

    def forward(self, b):
        u, v = [self.user(split(b, "user_text"))], [self.item(split(b, "item_text"))]
        if self.content:
            v = [self.content(v[0], b)]
        if self.model.ids:
            u += [self.bag(self.persons, b, "person"), self.bag(self.entities, b, "history")]
            v += [self.bag(self.entities, b, "entity")]
        return (self.finish(torch.cat(u, 1), self.user_projection, self.user_platform, b["user_platform"].astype(int)),
                self.finish(torch.cat(v, 1), self.item_projection, self.item_platform, b["item_platform"].astype(int)))

    def dense(self):
        """Our name -> the parameters that are stacked to it."""
        names = {f"user.encoder.{n}": p for n, p in self.user.ours().items()}
        names.update({f"item.encoder.{n}": p for n, p in self.item.ours().items()})
        if self.content:
            names.update({f"item.{n}": [p] for n, p in self.content.ours().items()})
        for kind in ("weight", "bias"):
            names[f"user.projection.{kind}"] = [getattr(self.user_projection, kind)]
            names[f"item.projection.{kind}"] = [getattr(self.item_projection, kind)]
        names["user.platform"], names["item.platform"] = [self.user_platform], [self.item_platform]
        names["loss.log_scale"] = [self.log_scale]
        return names

    def tables(self):
        return {"user.ids": self.persons, "item.ids": self.entities} if self.model.ids else {}


def split(b, name):
    o, ids = b[f"{name}.offsets"], b[f"{name}.ids"]
    return [[int(x) for x in ids[o[i]:o[i + 1]]] for i in range(len(o) - 1)]


def as_ours(tensors):
    """[rows, cols] as the project lays it: vectors are one row, a filter's taps lie tap by tap."""
    tensors = [t.detach().numpy() for t in tensors]
    if tensors[0].ndim == 3:  # [filters, channels, width]
        t = tensors[0].transpose(0, 2, 1)
        return t.reshape(t.shape[0], -1)
    if tensors[0].ndim == 4:
        return tensors[0].reshape(tensors[0].shape[0], -1)
    x = np.concatenate(tensors)
    return x.reshape(1, -1) if x.ndim == 1 else x


def initialise(net, rng):
    """Weights as large as those of a trained model, none of them special, all of them halves of a float."""
    def draw(p, name):
        x = rng.standard_normal(tuple(p.shape))
        if name.endswith("norm.weight"):
            x = 1.0 + 0.2 * x
        elif name.endswith("bias") or p.ndim == 1:
            x = 0.1 * x
        elif p.ndim == 3:
            x = x / math.sqrt(p.shape[1] * p.shape[2])
        elif any(part in name for part in ("embeddings", "token", "platform", "ids", "missing", "kind")):
            x = 0.3 * x
        else:
            x = x / math.sqrt(p.shape[1])
        with torch.no_grad():
            p.copy_(torch.from_numpy(x.astype(np.float16).astype(np.float64)))

    for name, tensors in net.dense().items():
        for p in tensors:
            if not name.startswith(pictures.PREFIX):  # those have the formula's
                draw(p, name)
    for name, table in net.tables().items():
        draw(table, name)
    with torch.no_grad():
        net.log_scale.fill_(float(np.float32(-math.log(net.model.temperature))))


# ---- the loss -------------------------------------------------------------------------------------------------------


def direction(s, z, negative, positive_s, positive_logq, logq):
    """One direction: s of the negatives and z = s - logq of them, [pairs, candidates]. Returns loss and P of each pair
    and the share of the negatives' mass that lies on each candidate."""
    count = negative.sum(1)
    some = count > 0
    minus = torch.finfo(torch.float64).min
    z = torch.where(negative, z, torch.full_like(z, minus))
    mass = torch.where(negative, torch.softmax(z, 1), torch.zeros_like(z))
    n = torch.logsumexp(torch.where(some[:, None], z, torch.zeros_like(z)), 1)
    if logq == "corrected":
        n = n + torch.log1p(-torch.exp(positive_logq)) - torch.log(count.clamp(min=1).double())
        plus = positive_s
        p = torch.sigmoid(plus - n)
        loss = (1 - p).detach() * (n - plus)
    else:
        plus = positive_s - positive_logq
        p = torch.sigmoid(plus - n)
        loss = torch.logaddexp(plus, n) - plus
    return torch.where(some, loss, torch.zeros_like(loss)), torch.where(some, p, torch.ones_like(p)), mass


def loss_of(net, b, sc):
    u, v = net(b)
    s = torch.exp(net.log_scale) * (u @ v.T)
    pairs, items = s.shape
    negative = torch.ones(pairs, items, dtype=torch.bool)
    for p, cols in enumerate(csr_rows(b["mask_begin"], b["mask_col"])):
        negative[p, torch.tensor(cols)] = False
    other = torch.tensor(b["user_platform"][:, None] != b["item_platform"][None, :])
    if sc.same_group:
        negative &= ~other
    pos = torch.tensor(b["pos"].astype(int))
    item_logq, user_logq = (torch.tensor(b[k].astype(np.float64)) for k in ("item_logq", "user_logq"))
    if sc.logq == "none":
        item_logq, user_logq = item_logq * 0, user_logq * 0
    at = s[torch.arange(pairs), pos]
    row_loss, row_p, row_mass = direction(s, s - item_logq[None, :], negative, at, item_logq[pos], sc.logq)
    col_loss, col_p, _ = direction(s.T[pos], (s - user_logq[:, None]).T[pos], negative.T[pos], at, user_logq, sc.logq)
    share = torch.tensor(b["weight"].astype(np.float64))
    share = share / share.sum()
    loss = (share * (sc.row_share * row_loss + (1 - sc.row_share) * col_loss)).sum()
    other_mass = (share * (1 - row_p) * (row_mass * other).sum(1)).sum()
    return loss, torch.stack([(share * row_p).sum(), (share * col_p).sum(), other_mass])


def csr_rows(begin, cols):
    return [[int(c) for c in cols[begin[i]:begin[i + 1]]] for i in range(len(begin) - 1)]


# ---- updates --------------------------------------------------------------------------------------------------------


def is_frozen(sc, name):
    return name.startswith(sc.frozen) if sc.frozen else False


def decays(name):
    return not (name.endswith("bias") or "norm" in name or ".bn" in name or ".downsample.1." in name
                or name == "loss.log_scale")


def make_optimizer(net, sc):
    groups = []
    for name, tensors in net.dense().items():
        frozen = is_frozen(sc, name) or (name == "loss.log_scale" and not sc.learn_temperature)
        for p in tensors:
            p.requires_grad_(not frozen)
        if frozen:
            continue
        user = name.startswith("user.")
        lr = sc.user_lr if user and sc.user_lr is not None else sc.lr
        if name.startswith(pictures.PREFIX) and sc.image_lr is not None:
            lr = sc.image_lr
        decay = sc.user_decay if user and sc.user_decay is not None else sc.decay
        groups.append({"params": tensors, "lr": lr, "weight_decay": decay if decays(name) else 0.0})
    return torch.optim.AdamW(groups, betas=(BETA1, BETA2), eps=EPS)


def touched(net, b):
    if not net.model.ids:
        return {}
    return {"user.ids": sorted(set(b["person.ids"].tolist())),
            "item.ids": sorted(set(b["entity.ids"].tolist()) | set(b["history.ids"].tolist()))}


class RowAdam:
    """AdamW on the touched rows of a table; the others keep weights and moments."""

    def __init__(self, table):
        self.w, self.m, self.v = table, torch.zeros_like(table), torch.zeros_like(table)

    @torch.no_grad()
    def update(self, rows, clip, step, sc):
        r = torch.tensor(rows)
        g = clip * self.w.grad[r]
        self.m[r] = BETA1 * self.m[r] + (1 - BETA1) * g
        self.v[r] = BETA2 * self.v[r] + (1 - BETA2) * g * g
        m, v = self.m[r] / (1 - BETA1**step), self.v[r] / (1 - BETA2**step)
        self.w[r] -= sc.id_lr * (sc.id_decay * self.w[r] + m / (v.sqrt() + EPS))


def train(net, batches, sc):
    optimizer = make_optimizer(net, sc)
    tables = {name: RowAdam(t) for name, t in net.tables().items()}
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        b = batches[(step - 1) % 2]
        net.zero_grad(set_to_none=True)
        loss, _ = loss_of(net, b, sc)
        loss.backward()
        losses.append(loss.item())
        grads = [p.grad for p in net.parameters() if p.grad is not None]
        norm = math.sqrt(sum((g**2).sum().item() for g in grads))
        norms.append(norm)
        clip = min(1.0, sc.clip / norm)
        rows = touched(net, b)
        for name, t in tables.items():
            t.update(rows[name], clip, step, sc)
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad *= clip
        optimizer.step()
    return losses, norms


# ---- files ----------------------------------------------------------------------------------------------------------


def put(out, kind, name, values, sketches):
    """A tensor, or, where sketches are wanted, the sketch of a large one."""
    if sketches and values.size > 2 * SKETCH:
        out[f"sketch.{kind}.{name}"] = sketch(name, values).astype(np.float32)
    else:
        out[f"{kind}.{name}"] = values.astype(np.float32)


def run_scenario(net, start, batches, sc, path):
    net.load_state_dict(start)
    make_optimizer(net, sc)  # what is frozen
    net.zero_grad(set_to_none=True)
    loss, stats = loss_of(net, batches[0], sc)
    loss.backward()
    out = {"loss": np.array([loss.item()]), "stats": stats.detach().numpy()}
    sketches = net.content is not None
    for name, tensors in net.dense().items():
        if tensors[0].grad is not None:
            put(out, "grad", name, as_ours([p.grad for p in tensors]), sketches)
    for name, rows in touched(net, batches[0]).items():
        put(out, "grad", name, net.tables()[name].grad[torch.tensor(rows)].numpy(), sketches)
    if net.content:
        for name, t in net.content.statistics().items():
            put(out, "state", name, t.numpy(), True)
        net.load_state_dict(start)
        net.eval()
        with torch.no_grad():
            out["eval_loss"] = np.array([loss_of(net, batches[0], sc)[0].item()])
        net.train()
    first = net.content.margin if net.content else math.inf
    losses, norms = train(net, batches, sc)
    if net.content:
        print(f"{path}: no input of a ReLU is nearer to 0 than {first:.2g} in the first step, "
              f"{net.content.margin:.2g} in all")
        if first < MARGIN or (net.content.margin < MARGIN and sc.model.pictures.network == "small"):
            raise SystemExit("another seed is needed: rounding could take an input to the other side of 0")
    out["losses"], out["norms"] = np.array(losses), np.array(norms)
    save_file(out, path)
    print(f"{path}: loss {losses[0]:.6f} to {losses[-1]:.6f}, norms {min(norms):.3g} to {max(norms):.3g}, "
          f"figures {stats.tolist()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for model in MODELS:
        rng = np.random.default_rng(7)
        batches = [make_batch(rng, model, 0), make_batch(rng, model, 1)]
        net = TwoTowers(model)
        initialise(net, rng)
        start = {k: v.clone() for k, v in net.state_dict().items()}
        file = {f"batch{i}.{k}": v for i, b in enumerate(batches) for k, v in b.items()}
        for name, tensors in net.dense().items():
            if name.startswith(pictures.PREFIX):
                continue
            kind = np.float32 if name == "loss.log_scale" else np.float16
            file[f"weight.{name}"] = np.ascontiguousarray(as_ours(tensors).astype(kind))
        for name, table in net.tables().items():
            file[f"weight.{name}"] = table.detach().numpy().astype(np.float16)
        save_file(file, out / f"{model.name}.safetensors")
        for sc in (s for s in SCENARIOS if s.model is model):
            run_scenario(net, start, batches, sc, out / f"{model.name}.{sc.name}.safetensors")


if __name__ == "__main__":
    main()
