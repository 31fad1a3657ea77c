#!/usr/bin/env python3
"""The table that `hone validate --energy` reads, out of clones of MLPerf Tiny's results.

    tiny_energy.py REPOSITORY... [--networks ad,ic,kws,vww] > boards.csv

REPOSITORY is a clone of https://github.com/mlcommons/tiny_results_vX.Y, with or without a work tree.
Of each run that was metered: the medians of its windows' energy and of the throughput beside it; and
the throughput of the run for speed, where there is one.
"""
import argparse
import collections
import csv
import re
import statistics
import subprocess
import sys

RESULT = re.compile(r"^(?P<division>[^/]+)/(?P<submitter>[^/]+)/results/(?P<system>.+)/"
                    r"(?P<network>[^/]+)/(?P<mode>energy|performance)/results\.txt$")
NAMES = {"anomaly_detection": "ad", "image_classification": "ic", "keyword_spotting": "kws",
         "person_detection": "vww", "visual_wake_words": "vww"}
ENERGY = re.compile(r"Energy/Inf\.\s*:\s*([0-9.]+)\s*uJ")
RATE = re.compile(r"Median throughput is\s*([0-9.]+)\s*inf")
COLUMNS = ("round", "division", "submitter", "system", "benchmark", "latency_ms",
           "energy_uJ_per_inf", "energy_mode_throughput_inf_s")


def git(repository, *words):
    return subprocess.run(["git", "-C", repository, *words], check=True,
                          capture_output=True).stdout.decode("utf-8", "replace")


def round_of(repository):
    found = re.search(r"tiny_results_(v[0-9.]+)", repository)
    return found[1].rstrip(".") if found else "?"


def run_of(text, mode):
    """(energy in microjoules or None, inferences a second or None)"""
    energies = [float(x) for x in ENERGY.findall(text)] if mode == "energy" else []
    rates = [float(x) for x in RATE.findall(text)]
    return (statistics.median(energies) if energies else None,
            rates[-1] if rates else None)


def rows_of(repository, networks):
    systems = collections.defaultdict(dict)
    for path in git(repository, "ls-tree", "-r", "--name-only", "-z", "HEAD").split("\0"):
        match = RESULT.match(path)
        if not match:
            continue
        network = NAMES.get(match["network"], match["network"])
        if network in networks:
            key = (match["division"], match["submitter"], match["system"], network)
            systems[key][match["mode"]] = run_of(git(repository, "show", f"HEAD:{path}"),
                                                 match["mode"])
    for key, runs in sorted(systems.items()):
        energy, metered = runs.get("energy", (None, None))
        _, rate = runs.get("performance", (None, None))
        rate = rate or metered
        if rate:
            yield (round_of(repository), *key, f"{1e3 / rate:.6g}",
                   f"{energy:.7g}" if energy else "", metered or "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repositories", nargs="+", metavar="REPOSITORY")
    parser.add_argument("--networks", default="ad,ic,kws,vww")
    args = parser.parse_args()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for repository in args.repositories:
        writer.writerows(rows_of(repository, set(args.networks.split(","))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
