"""Trains a tiny run with the program, exports it, and reads what it left with the readers of others: numpy, safetensors,
faiss. Then works out the figures of the evaluation report anew from the exported vectors and the interaction tables.

Prints "ok NAME", "not ok NAME" or "skip NAME reason", as tests/run.sh wants. Environment: CROSSTOWER, the program.
"""
import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import traceback

PROGRAM = os.path.abspath(os.environ.get("CROSSTOWER", os.path.join(os.environ.get("BUILD", "build"), "crosstower")))
PLATFORMS = {"shop": (90, 40), "video": (60, 30)}  # users, items
VALID_TIME, TEST_TIME, END = 700_000, 800_000, 1_000_000
TASTES = ["phone camera screen 手机", "guitar piano drum 音乐", "tent boots rope 山", "pan knife oven 厨房"]

try:
    import numpy as np
except ImportError:
    np = None


# ---- a project --------------------------------------------------------------------------------------------------


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(header)
        writer.writerows(rows)


def item_id(platform, i):
    return f'{platform}, "{i}"' if i == 7 else f"{platform[0]}{i}"


def write_platform(folder, name, draw):
    users, items = PLATFORMS[name]
    os.makedirs(os.path.join(folder, name))
    text = [TASTES[i % 4].split() for i in range(items)]
    write_csv(os.path.join(folder, name, "items.csv"), ["item_id", "title"],
              [[item_id(name, i), " ".join(draw.sample(text[i], 2))] for i in range(items)])
    write_csv(os.path.join(folder, name, "users.csv"), ["user_id", "text"],
              [[f"u{u}", draw.choice(TASTES[u % 4].split())] for u in range(users)])
    rows = []
    for u in range(users):
        n = draw.randint(0, 25)
        for time in draw.sample(range(END), n):  # no two at the same time: nothing is an exact repeat
            i = draw.randrange(items)
            if draw.random() < 0.8:
                i = i // 4 * 4 + u % 4
            rows.append([f"u{u}", item_id(name, min(i, items - 1)), time])
    draw.shuffle(rows)
    write_csv(os.path.join(folder, name, "interactions.csv"), ["user_id", "item_id", "timestamp"], rows)


def write_project(folder):
    draw = random.Random(5)
    for name in PLATFORMS:
        write_platform(folder, name, draw)
    # The user's text is the profile alone and there is no history: a user's vector is the same at all times, so the
    # exported vectors are those that the evaluation ranked with.
    with open(os.path.join(folder, "tiny.yaml"), "w", encoding="utf-8") as f:
        f.write(f"""name: tiny
run_dir: run
platforms: {{shop: {{from: shop}}, video: {{from: video}}}}
data: {{user_text: "{{profile}}", vocab_size: 200, bucket: 32}}
model:
  dim: 16
  user: {{layers: 1, hidden: 16, heads: 2}}
  item: {{text: cnn, embed: 16, widths: [1, 2], filters: 8}}
  ids: {{users: 8, items: 8}}
train: {{batch: 64, epochs: 4, lr: 1e-2}}
eval: {{at: [5, 10], split: {{valid_time: {VALID_TIME}, test_time: {TEST_TIME}}}}}
export: {{formats: [npy, safetensors, faiss, csv]}}
""")


def run(folder, *arguments):
    done = subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise AssertionError(f"crosstower {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


# ---- checks: each takes the project's folder -----------------------------------------------------------------------


def bundle(folder, name="run/export"):
    return os.path.join(folder, name)


def npy(folder, side, name="run/export"):
    return np.load(os.path.join(bundle(folder, name), side + ".npy"), allow_pickle=False)


def ids(folder, side):
    with open(os.path.join(bundle(folder), side + ".ids.csv"), newline="", encoding="utf-8") as f:
        return [(row["platform"], row["id"]) for row in csv.DictReader(f)]


def check_npy(folder):
    users, items = sum(u for u, _ in PLATFORMS.values()), sum(i for _, i in PLATFORMS.values())
    for side, count in ("users", users), ("items", items):
        vectors = npy(folder, side)
        assert vectors.shape == (count, 16) and vectors.dtype == np.float32 and vectors.flags["C_CONTIGUOUS"]
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5), "cosine vectors have length 1"
    assert ids(folder, "users") == [(p, f"u{u}") for p, (n, _) in PLATFORMS.items() for u in range(n)]
    assert ids(folder, "items") == [(p, item_id(p, i)) for p, (_, n) in PLATFORMS.items() for i in range(n)]


def check_npy_f16(folder):
    run(folder, "export", "tiny.yaml", "--quiet", "--out", "half", "export.dtype=f16", "export.formats=[npy, safetensors]")
    for side in "users", "items":
        half = npy(folder, side, "half")
        assert half.dtype == np.float16
        assert np.array_equal(half, npy(folder, side).astype(np.float16)), "rounded to nearest, as numpy rounds"


def check_safetensors(folder):
    from safetensors.numpy import load_file

    for side in "users", "items":
        tensors = load_file(os.path.join(bundle(folder), side + ".safetensors"))
        assert list(tensors) == ["vectors"]
        assert np.array_equal(tensors["vectors"], npy(folder, side)) and tensors["vectors"].dtype == np.float32
        half = load_file(os.path.join(bundle(folder, "half"), side + ".safetensors"))["vectors"]
        assert np.array_equal(half, npy(folder, side, "half"))


def check_safetensors_checkpoint(folder):
    from safetensors import safe_open

    with safe_open(os.path.join(folder, "run/checkpoints/best.safetensors"), framework="numpy") as f:
        names, meta = list(f.keys()), f.metadata()
        assert meta["format"] == "crosstower-checkpoint-1" and int(meta["step"]) > 0 and "name: tiny" in meta["config"]
        assert names and all(name.startswith("param/") for name in names)
        table = f.get_tensor("param/item.ids")
        assert table.shape == (70, 8) and np.isfinite(table).all()


def check_faiss(folder):
    import faiss

    items, users = npy(folder, "items"), npy(folder, "users")
    index = faiss.read_index(os.path.join(bundle(folder), "items.faiss"))
    assert isinstance(index, faiss.IndexFlat) and index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert index.ntotal == len(items) and index.d == 16 and index.is_trained
    assert np.array_equal(index.reconstruct_n(0, index.ntotal), items)
    scores, found = index.search(users, 5)
    wanted = users.astype(np.float64) @ items.astype(np.float64).T
    best = -np.sort(-wanted, axis=1)[:, :5]
    assert np.allclose(scores, best, atol=1e-5)
    assert np.allclose(np.take_along_axis(wanted, found, axis=1), best, atol=1e-5)
    # What faiss itself writes of the same vectors is the same file.
    mine = faiss.IndexFlatIP(16)
    mine.add(items)
    theirs = faiss.serialize_index(mine).tobytes()
    with open(os.path.join(bundle(folder), "items.faiss"), "rb") as f:
        assert f.read() == theirs


def check_csv(folder):
    for side in "users", "items":
        with open(os.path.join(bundle(folder), side + ".csv"), newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))
        assert rows[0] == ["platform", "id"] + [f"v{d}" for d in range(16)]
        assert [tuple(row[:2]) for row in rows[1:]] == ids(folder, side)
        values = np.array([[float(x) for x in row[2:]] for row in rows[1:]]).astype(np.float32)
        assert np.array_equal(values, npy(folder, side)), "nine digits carry an f32"


def check_manifest(folder):
    with open(os.path.join(bundle(folder), "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    assert manifest["dim"] == 16 and manifest["metric"] == "cosine" and manifest["dtype"] == "f32"
    at = 0
    for name, (users, _) in PLATFORMS.items():
        assert manifest["users"]["platforms"][name] == [at, at + users]
        at += users
    assert manifest["users"]["count"] == at
    for name, entry in manifest["files"].items():
        assert os.path.getsize(os.path.join(bundle(folder), name)) == entry["bytes"]
    assert set(os.listdir(bundle(folder))) == set(manifest["files"]) | {"manifest.json"}


# ---- the figures of the report, anew ---------------------------------------------------------------------------------


def queries(folder, name):
    """For each user of a platform: local items before the test and in it; and the binary matrix of what came before."""
    users, items = PLATFORMS[name]
    number = {item_id(name, i): i for i in range(items)}
    before, in_test, counts = np.zeros((users, items), bool), np.zeros((users, items), bool), np.zeros(items)
    with open(os.path.join(folder, name, "interactions.csv"), newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            u, i, time = int(row["user_id"][1:]), number[row["item_id"]], int(row["timestamp"])
            (in_test if time >= TEST_TIME else before)[u, i] = True
            counts[i] += time < TEST_TIME
    return before, in_test & ~before, counts


def ranks_of(scores, seen, targets, eps):
    order = scores[~seen]
    return [1 + np.sum(order > scores[t] + eps) + (np.sum(np.abs(order - scores[t]) <= eps) - 1) / 2
            for t in np.flatnonzero(targets)]


def figures(scores, before, targets, eps):
    rows = []
    for u in np.flatnonzero(targets.any(axis=1)):
        ranks = ranks_of(scores[u], before[u], targets[u], eps)
        row = {"mrr": 1 / min(ranks)}
        for k in 5, 10:
            hits = [r for r in ranks if r <= k]
            ideal = sum(1 / math.log2(1 + i) for i in range(1, min(k, len(ranks)) + 1))
            row[f"recall@{k}"] = len(hits) / len(ranks)
            row[f"hr@{k}"] = float(bool(hits))
            row[f"ndcg@{k}"] = sum(1 / math.log2(1 + r) for r in hits) / ideal
        rows.append(row)
    return {"users": len(rows), **{key: float(np.mean([row[key] for row in rows])) for key in rows[0]}}


def expect_figures(folder, method, score_of, eps):
    with open(os.path.join(folder, "run/reports/eval-test.json"), encoding="utf-8") as f:
        report = json.load(f)
    assert report["stage"] == "test"
    for platform in report["platforms"]:
        name = platform["platform"]
        before, targets, counts = queries(folder, name)
        wanted = figures(score_of(name, before, counts), before, targets, eps)
        found = platform["slices"][0][method]
        assert platform["slices"][0]["slice"] == "all" and platform["targets"] == int(targets.sum())
        for key, value in wanted.items():
            assert abs(found[key] - value) < 1e-6, f"{name}: {method} {key} is {found[key]} in the report, {value} here"
        assert wanted["users"] > 20


def check_report_of_the_model(folder):
    users, items, at = npy(folder, "users").astype(np.float64), npy(folder, "items").astype(np.float64), {}
    u = i = 0
    for name, (n_users, n_items) in PLATFORMS.items():
        at[name] = users[u:u + n_users] @ items[i:i + n_items].T
        u, i = u + n_users, i + n_items
    expect_figures(folder, "model", lambda name, before, counts: at[name], 1e-7)


def check_report_of_popularity(folder):
    expect_figures(folder, "popularity", lambda name, before, counts: np.tile(counts, (len(before), 1)), 0)


def check_report_of_item_knn(folder):
    def scores(_, before, __):
        x = before.astype(np.float64)
        norms = np.sqrt(x.sum(axis=0))
        cosines = (x.T @ x) / np.maximum(np.outer(norms, norms), 1e-300)
        return x @ cosines

    expect_figures(folder, "item_knn", scores, 1e-9)


def check_metrics(folder):
    with open(os.path.join(folder, "run/metrics.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    train, valid = ([row for row in rows if row["kind"] == kind] for kind in ("train", "valid"))
    assert len(valid) == 4 and train and train[-1]["loss"] < train[0]["loss"]
    assert set(valid[0]["platforms"]) == set(PLATFORMS) and 0 <= valid[0]["ndcg@10"] <= 1


CHECKS = [check_npy, check_npy_f16, check_safetensors, check_safetensors_checkpoint, check_faiss, check_csv, check_manifest,
          check_report_of_the_model, check_report_of_popularity, check_report_of_item_knn, check_metrics]


def main():
    names = [check.__name__.removeprefix("check_") for check in CHECKS]
    reason = "numpy is not here" if np is None else None if os.access(PROGRAM, os.X_OK) else f"{PROGRAM} is not built"
    if reason:
        for name in names:
            print(f"skip {name} {reason}")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        write_project(folder)
        try:
            for command in "train", "eval", "export":
                run(folder, command, "tiny.yaml", "--quiet")
        except AssertionError as error:
            print(f"not ok run\n{error}")
            return 1
        for check, name in zip(CHECKS, names):
            try:
                check(folder)
                print(f"ok {name}")
            except ModuleNotFoundError as error:
                print(f"skip {name} {error.name} is not here")
            except Exception:  # whatever is wrong, the other checks still run
                failed += 1
                print(f"not ok {name}")
                traceback.print_exc(file=sys.stdout)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
