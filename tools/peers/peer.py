"""Serves one peer, as `bench --serve` serves one case of ours: peer.py MODULE VARIANT --threads N.

Prints {"ready": how it runs, "versions": {...}}, or {"skip": reason} where a package is missing; then runs one
repetition for each line that it reads and prints {"ms": time}; at the end {"peak_rss_bytes": ..., "rss_before_bytes":
...}, the growth being that of the repetitions. A module has open(variant, threads), which makes everything that is not
timed and returns how it runs and the function of one repetition.
"""

import argparse
import importlib
import json
import sys
import time


def say(**fields):
    print(json.dumps(fields), flush=True)


def rss(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))


def forget_peak():
    """What opening took is not the repetitions'."""
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")


def versions():
    names = ("torch", "transformers", "torchvision", "faiss", "PIL", "numpy")
    return {name: sys.modules[name].__version__ for name in names if name in sys.modules}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("variant")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    try:
        how, repetition = importlib.import_module(options.module).open(options.variant, options.threads)
    except ImportError as missing:
        say(skip=str(missing))
        return
    before = rss("VmRSS")
    forget_peak()
    say(ready=how, versions=versions())
    for _ in sys.stdin:
        start = time.perf_counter()
        repetition()
        say(ms=1e3 * (time.perf_counter() - start))
    say(peak_rss_bytes=rss("VmHWM"), rss_before_bytes=before)


main()
