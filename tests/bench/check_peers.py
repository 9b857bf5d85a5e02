"""The driver of tools/peers: its figures, its list against the program bench, and a run with two fake peers, one of which
misses a package. Nothing here looks at how fast anything is. A line for each case: ok or not ok."""

import contextlib
import importlib.util
import io
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PEERS = ROOT / "tools/peers"

OURS = """#!/bin/sh
echo '{"ready": "fake"}'
while read -r line; do echo '{"ms": 100}'; done
echo '{"peak_rss_bytes": 30, "rss_before_bytes": 10}'
"""
PEER = """import os
def open(variant, threads):
    assert "GOMP_SPINCOUNT" not in os.environ and os.environ["OMP_NUM_THREADS"] == str(threads) == "2"
    return "asleep", lambda: bytearray(1 << 24)
"""

failed = False


def verdict(name, good):
    global failed
    failed = failed or not good
    print(f"{'ok' if good else 'not ok'} {name}")


def load():
    spec = importlib.util.spec_from_file_location("run", PEERS / "run.py")
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    return driver


def check_figures(driver):
    verdict("interval_of_7", driver.interval([3, 1, 2, 7, 5, 6, 4]) == (1, 7))
    coverages = []
    for n in range(6, 40):
        low, high = driver.interval(list(range(n)))
        coverages.append(1 - 2 * sum(math.comb(n, k) for k in range(low + 1)) / 2 ** n)
        inner = 1 - 2 * sum(math.comb(n, k) for k in range(low + 2)) / 2 ** n
        verdict(f"interval_of_{n}", low + high == n - 1 and coverages[-1] >= 0.95 > inner)
    verdict("spread_is_a_share", abs(driver.spread([90, 100, 110, 100, 90, 110, 100]) - 0.1) < 1e-9)


def check_list(driver):
    lines = subprocess.run([BUILD / "bench", "--list"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in lines.splitlines()}
    verdict("cases_exist", all(peer.case in names for peer in driver.PEERS))
    verdict("modules_exist", all((PEERS / f"{peer.module}.py").exists() for peer in driver.PEERS))


def run(driver, folder, *arguments):
    """Exit code, what was printed, the report."""
    out = io.StringIO()
    sys.argv = ["run.py", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            driver.main()
    except SystemExit as end:
        code = int(end.code)
    report = folder / "bench-peers.json"
    return code, out.getvalue(), json.loads(report.read_text()) if report.exists() else None


def fake(driver, folder):
    (folder / "peers-pictures").mkdir()
    (folder / "peer.py").write_text((PEERS / "peer.py").read_text())
    (folder / "asleep.py").write_text(PEER)
    (folder / "lacking.py").write_text("import no_such_package\n")
    (folder / "bench").write_text(OURS)
    (folder / "bench").chmod(0o755)
    driver.BUILD = driver.HERE = folder
    driver.PAUSE_S = 0.01
    driver.PEERS = [driver.Peer("fake", "asleep", "x", goal=1e9, memory_goal=0.5),
                    driver.Peer("fake", "lacking", "x", goal=1)]


def check_run(driver, folder):
    os.environ["GOMP_SPINCOUNT"] = "1"
    code, out, report = run(driver, folder, "--repeats", "6", "fake")
    skipped, measured = report["cases"]
    verdict("a_run_ends_well", code == 0)
    verdict("a_missing_package_is_said", "no_such_package" in skipped["skipped"] and "skipped: No module" in out)
    verdict("medians_and_samples", measured["ours_ms"] == 100 and len(measured["ours_times_ms"]) == 6)
    verdict("a_goal_is_missed", measured["ratio"] < 1 and not measured["reached"])
    verdict("memory_is_compared", measured["ours_bytes"] == 20 and measured["peer_bytes"] >= 1 << 23 and measured["memory_reached"])
    (folder / "bench").write_text("#!/bin/sh\nexit 3\n")
    code, out, _ = run(driver, folder)
    verdict("a_failure_is_said", code == 1 and "exit code 3" in out)
    code, out, _ = run(driver, folder, "gone")
    verdict("an_unknown_case", code == 2 and "no case 'gone'" in out)


with tempfile.TemporaryDirectory() as temporary:
    run_py = load()
    check_figures(run_py)
    check_list(run_py)
    fake(run_py, pathlib.Path(temporary))
    check_run(run_py, pathlib.Path(temporary))
sys.exit(failed)
