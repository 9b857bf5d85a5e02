"""Times our cases against peers that do the same work: run.py [CASE ...]. See docs/benchmarks.md.

Both sides of a case are open at once, in processes of their own, and take turns: ours, each peer, ours, ... Who waits
is blocked on a read; a pause longer than a thread pool's spin lies before each turn. A turn is as many repetitions as
fill TURN_MS and counts as their median. The ratio peer / ours is the median over rounds; its interval is a pair of
order statistics that holds the median of the rounds' distribution with at least 95%.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from typing import NamedTuple, Optional

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
TURN_MS, TURN_MOST, PAUSE_S, WARM_UPS = 300, 50, 0.3, 2

# What slows a thread pool down, or binds it, when somebody set it for other work.
NOT_INHERITED = ("GOMP_", "KMP_", "OMP_", "MKL_", "OPENBLAS_", "DNNL_", "ONEDNN_", "ATEN_", "TORCH_", "LD_PRELOAD",
                 "MALLOC_", "CROSSTOWER_")


class Peer(NamedTuple):
    case: str
    module: str
    variant: str
    goal: float                            # peer's time / ours
    memory_goal: Optional[float] = None    # our growth / the peer's


PEERS = [
    Peer("user_tower_step", "user_tower", "step_padded", 5),
    Peer("user_tower_step", "user_tower", "step_bucketed", 1.5),
    Peer("user_tower_inference", "user_tower", "inference_padded", 4),
    Peer("user_tower_inference", "user_tower", "inference_bucketed", 1.4),
    Peer("resnet50_step", "resnet50", "step", 1.2),
    Peer("resnet50_inference", "resnet50", "inference", 1.3),
    Peer("two_tower_step", "two_tower", "step", 3),
    Peer("text_cnn_step", "text_cnn", "step", 2),
    Peer("infonce", "infonce", "torch", 2, memory_goal=0.05),
    Peer("adamw", "adamw", "torch", 1.05),
    Peer("id_table_step", "id_table", "torch", 3),
    Peer("topk_1", "topk", "1", 1.5),
    Peer("topk_256", "topk", "256", 1.5),
    Peer("jpeg_decode_resize", "jpeg", "torchvision", 1),
    Peer("jpeg_decode_resize", "jpeg", "pillow", 1),
]


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class Side:
    """A process that serves one case."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.times, self.memory, self.repetitions = [], {}, 1
        self.ready = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Failed(f"{' '.join(self.process.args)}: exit code {self.process.returncode}")
        return json.loads(line)

    def repetition(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()["ms"]

    def warm_up(self):
        for _ in range(WARM_UPS):
            ms = self.repetition()
        self.repetitions = min(max(1, math.ceil(TURN_MS / ms)), TURN_MOST)

    def turn(self):
        time.sleep(PAUSE_S)
        self.times.append(statistics.median(self.repetition() for _ in range(self.repetitions)))

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.memory = self.answer()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def growth(self):
        return self.memory["peak_rss_bytes"] - self.memory["rss_before_bytes"]


# ---- figures ---------------------------------------------------------------------------------------------------------

def interval(values):
    """The narrowest pair of order statistics, as far from one end as from the other, that holds the median with 95%."""
    n, low, mass = len(values), 0, 0.0
    while 2 * (mass + math.comb(n, low) / 2 ** n) <= 0.05:
        mass += math.comb(n, low) / 2 ** n
        low += 1
    ordered = sorted(values)
    low = max(low - 1, 0)
    return ordered[low], ordered[n - 1 - low]


def spread(times):
    """Half the distance between the quartiles, as a share of the median."""
    quartiles = statistics.quantiles(times, n=4)
    return (quartiles[2] - quartiles[0]) / 2 / quartiles[1]


def figures(peer, ours, theirs):
    ratios = [b / a for a, b in zip(ours.times, theirs.times)]
    low, high = interval(ratios)
    row = {"case": peer.case, "peer": f"{peer.module} {peer.variant}", "how": theirs.ready["ready"], "goal": peer.goal,
           "ours_ms": statistics.median(ours.times), "ours_spread": spread(ours.times),
           "peer_ms": statistics.median(theirs.times), "peer_spread": spread(theirs.times),
           "ratio": statistics.median(ratios), "low": low, "high": high,
           "ours_times_ms": ours.times, "peer_times_ms": theirs.times, "versions": theirs.ready["versions"]}
    row["reached"] = row["ratio"] >= peer.goal
    if peer.memory_goal:
        row.update(memory_goal=peer.memory_goal, ours_bytes=ours.growth(), peer_bytes=theirs.growth())
        row["memory_share"] = ours.growth() / max(theirs.growth(), 1)
        row["memory_reached"] = row["memory_share"] <= peer.memory_goal
    return row


# ---- running ---------------------------------------------------------------------------------------------------------

def environment(options):
    kept = {name: value for name, value in os.environ.items() if options.keep_env or not name.startswith(NOT_INHERITED)}
    kept["OMP_NUM_THREADS"] = str(options.threads)
    kept["CT_BENCH_PICTURES"] = str(BUILD / "peers-pictures")
    kept["HF_HUB_OFFLINE"] = "1"
    return kept


def open_peer(peer, options):
    side = Side([sys.executable, str(HERE / "peer.py"), peer.module, peer.variant, "--threads", str(options.threads)],
                environment(options))
    if "skip" in side.ready:
        side.process.wait()
        raise Skipped(side.ready["skip"])
    return side


def measure(case, peers, options):
    """Rows of figures; peers that cannot run give a row with the reason."""
    ours, rows, sides = None, [], []
    try:
        ours = Side([str(BUILD / "bench"), "--serve", case, "--threads", str(options.threads)], environment(options))
        for peer in peers:
            try:
                sides.append((peer, open_peer(peer, options)))
            except Skipped as reason:
                rows.append({"case": case, "peer": f"{peer.module} {peer.variant}", "skipped": str(reason)})
        everybody = [ours] + [side for _, side in sides]
        for side in everybody:
            side.warm_up()
        for _ in range(options.repeats if sides else 0):
            for side in everybody:
                side.turn()
        for side in everybody:
            side.close()
        return rows + [figures(peer, ours, side) for peer, side in sides]
    except Failed as reason:
        return [{"case": case, "peer": "", "failed": str(reason)}]
    finally:
        for side in [ours] + [side for _, side in sides]:
            if side:
                side.stop()


# ---- output ----------------------------------------------------------------------------------------------------------

HEAD = ("case", "peer", "ours ms", "peer ms", "peer / ours", "95% interval", "goal", "reached")


def cells(row):
    for outcome in ("skipped", "failed"):
        if outcome in row:
            return (row["case"], row["peer"], "", "", "", "", "", f"{outcome}: {row[outcome]}")
    return (row["case"], f"{row['peer']} ({row['how']})", f"{row['ours_ms']:.4g} ±{row['ours_spread']:.0%}",
            f"{row['peer_ms']:.4g} ±{row['peer_spread']:.0%}", f"{row['ratio']:.2f}",
            f"{row['low']:.2f}-{row['high']:.2f}", f"{row['goal']:g}", "yes" if row["reached"] else "no")


def memory_line(row):
    return (f"{row['case']}: the step adds {row['ours_bytes'] / 2**20:.1f} MiB of memory, the peer's "
            f"{row['peer_bytes'] / 2**20:.1f}: {row['memory_share']:.1%}, goal {row['memory_goal']:.0%}, "
            f"{'reached' if row['memory_reached'] else 'not reached'}")


def markdown(rows):
    table = [HEAD, tuple("---" for _ in HEAD)] + [cells(row) for row in rows]
    lines = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join(lines + [""] + [memory_line(row) for row in rows if "memory_share" in row]) + "\n"


def processor():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())


def save(rows, options):
    versions = {}
    for row in rows:
        versions.update(row.get("versions", {}))
    report = {"machine": {"processor": processor(), "system": platform.platform(), "load_before": options.load},
              "threads": options.threads, "repeats": options.repeats, "inherited_environment": options.keep_env,
              "python": platform.python_version(), "versions": versions, "cases": rows}
    (BUILD / "bench-peers.json").write_text(json.dumps(report, indent=1) + "\n")
    text = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    (BUILD / "bench-peers.md").write_text(f"{markdown(rows)}\n{processor()}, {options.threads} threads; {text}.\n")


def make_pictures(options):
    folder = BUILD / "peers-pictures"
    if folder.exists():
        return
    part = folder.with_suffix(".part")
    part.mkdir(exist_ok=True)
    made = subprocess.run([sys.executable, str(HERE / "jpeg.py"), str(part)], env=environment(options), check=False)
    if made.returncode == 0:
        part.rename(folder)


def arguments():
    names = sorted({peer.case for peer in PEERS})
    parser = argparse.ArgumentParser(description="Times our cases against peers: " + ", ".join(names) + ".")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default 2)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds (default 7; fewer than 6 give no 95%% interval)")
    parser.add_argument("--keep-env", action="store_true",
                        help="leave OMP_* and the like as they are: for machines that are busy with other work")
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in names]
    if unknown:
        parser.error(f"no case '{unknown[0]}'; there are {', '.join(names)}")
    if options.repeats < 2:
        parser.error(f"--repeats {options.repeats}: want at least 2")
    options.load = os.getloadavg()[0]
    return options


def main():
    options = arguments()
    make_pictures(options)
    rows = []
    for case in dict.fromkeys(peer.case for peer in PEERS):
        if options.cases and case not in options.cases:
            continue
        new = measure(case, [peer for peer in PEERS if peer.case == case], options)
        for row in new:
            print("  ".join(text for text in cells(row) if text), flush=True)
            if "memory_share" in row:
                print(memory_line(row), flush=True)
        rows += new
        save(rows, options)
    print(f"written: {BUILD / 'bench-peers.json'}, {BUILD / 'bench-peers.md'}")
    sys.exit(any("failed" in row for row in rows))


if __name__ == "__main__":
    main()
