#!/usr/bin/env python3
"""Fits what classes of devices reach of their figures to published measurements.

    fit_classes.py TABLES [--write] [--devices]

TABLES is a folder with ncnn_benchmark_half.csv and ncnn_graph_features.csv (Tencent/ncnn),
branes_models.csv (branes-ai/graphs), neusight_gpu_ops_sample.csv (sitar-lab/NeuSight) and
mlperf_tiny_kws.csv (mlcommons/tiny_results); without it nothing is done. Figures of the devices are in
data/calibration/published/class_devices.csv. Each device is left out in turn: the errors and the
share of cases within the intervals are of devices that neither fit nor interval has seen.

The form is that of src/estimate/mapping.cc: a step takes

    work / (peak * utilization) * coefficient of its kind + bytes / bandwidth * coefficient + call

and a run takes a time of its own beside them.
"""
import argparse
import collections
import csv
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEVICES = ROOT / "data/calibration/published/class_devices.csv"
NPU = ROOT / "data/calibration/published/npu_networks.csv"
PRIORS = ROOT / "src/estimate/class_priors.def"
KINDS = ("windows", "products", "depthwise", "others", "far", "call", "run")
WINDOWS, PRODUCTS, DEPTHWISE, OTHERS, FAR, CALL, RUN = range(len(KINDS))
# What is believed without tables, and how strongly: a factor of e away costs as much as each error
# that is larger by PULL.
START = {
    "cpu": [1, 1.5, 5, 20, 1.3, 3e4, 0],
    "gpu": [1.5, 1.5, 10, 10, 1.3, 1e-5, 1e-4],
    "soc_gpu": [2, 2, 10, 10, 1.3, 5e-5, 2e-4],
    "mcu": [4, 4, 4, 4, 1.3, 0, 0],
    "mcu_dual_issue": [2, 2, 2, 2, 1.3, 0, 0],
    # A device at most: too little for an interval.
    "npu": [2, 2, 20, 20, 1.3, 2e-6, 5e-4],
    "tpu": [2, 2, 20, 20, 1.3, 2e-6, 5e-4],
}
PULL = 0.02
TOGETHER = {"mcu_dual_issue": "mcu"}  # classes whose residuals make one interval
# Tiles of products on GPUs and what the smaller ones reach of the larger; steps before the depth
# of a product is used well.
TILES = (((128, 128), 1), ((128, 64), 0.95), ((64, 64), 0.85), ((32, 32), 0.6))
DEPTH = 32
KWS_MACS = 2.66e6      # of the keyword spotter of MLPerf Tiny

Case = collections.namedtuple("Case", "device table what features seconds")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tiled(m, n, k, batch, units):
    """The share of a GPU's peak that a product can use by its shape, by the best of the tiles."""
    def share(rows, columns):
        tiles = math.ceil(m / rows) * math.ceil(n / columns) * batch
        return m * n * batch / (math.ceil(tiles / units) * units * rows * columns)
    return max(e * share(*tile) for tile, e in TILES) * k / (k + DEPTH)


class Figures:
    def __init__(self, row):
        number = {k: float(row[k] or 0) for k in
                  ("peak_gflops", "half_factor", "clock_ghz", "cores", "bandwidth_gb", "near_mb")}
        self.key, self.device_class, self.table = row["device"], row["class"], row["table"]
        self.isa = row["isa"]
        self.peak, self.half = number["peak_gflops"] * 1e9, number["half_factor"]
        self.clock, self.cores = number["clock_ghz"] * 1e9, int(number["cores"])
        self.bandwidth, self.near = number["bandwidth_gb"] * 1e9, number["near_mb"] * 2**20


def figures():
    return [Figures(row) for row in read(DEVICES)]


def network_case(d, peak, element, network, batch, clock_calls, table, what, seconds):
    """`network`: the columns of ncnn_graph_features.csv."""
    gpu = d.device_class.endswith("gpu")
    weights = element * network["weights_conv_fc"]
    values = element * network["act_elems_conv_fc"] * batch
    layers = network["layers"]
    far = (weights if weights + values / layers > d.near else 0)
    far += 2 * values if 2 * values / layers > d.near else 0
    share = 1.0
    if gpu:  # of a layer of the middle size
        side = math.sqrt(max(1, values / element / layers))
        macs = sum(network[c] for c in network if c.startswith("macs_")) * batch
        share = tiled(side, side, macs / (values / element), 1, d.cores)
    windows = network["macs_conv3x3"] * batch
    products = (network["macs_conv1x1"] + network["macs_fc"] + network["macs_conv_other"]) * batch
    features = [2 * windows / peak / share, 2 * products / peak / share,
                2 * network["macs_depthwise"] * batch / peak,
                network["act_elems_other_ops"] * batch / peak, far / d.bandwidth,
                layers * clock_calls, 1.0]
    return Case(d.key, table, what, features, seconds)


def plain(name):
    return name.replace("-", "_")


def networks_of(tables):
    return {plain(r["model"]): {k: float(v) for k, v in r.items() if k not in ("model", "source")}
            for r in read(tables / "ncnn_graph_features.csv")}


def ncnn_cases(tables, devices):
    networks = networks_of(tables)
    cases = []
    for row in read(tables / "ncnn_benchmark_half.csv"):
        words = row["host_section_cmd"].split()
        gpu = (words[4] if len(words) > 4 else row["gpu_device"]) not in ("-1", "")
        little = len(words) > 3 and words[3] == "1"
        name, threads = plain(row["model"]), int(row["threads"])
        network = networks.get(name)
        if little or network is None or name.endswith("int8"):
            continue
        for d in devices:
            if d.table != "ncnn" or not row["device"].startswith(d.key):
                continue
            if gpu != (d.device_class != "cpu") or (not gpu and threads > d.cores):
                continue
            units = 1 if gpu else threads / d.cores
            calls = 1 if gpu else (threads > 1) / d.clock
            cases.append((d.device_class, network_case(
                d, d.peak * d.half * units, 4 / min(2, d.half), network, 1, calls, "ncnn",
                f"{name} {threads}", float(row["avg_ms"]) / 1e3)))
    return cases


def branes_cases(tables, devices):
    """Networks that ncnn's table has too: multiply-adds by kind are known of these alone."""
    networks = networks_of(tables)
    same = {"mobilenet_v2": "mobilenet_v2", "mobilenet_v3_large": "mobilenet_v3",
            "resnet18": "resnet18", "resnet50": "resnet50", "vgg16": "vgg16",
            "efficientnet_b0": "efficientnet_b0"}
    cases = []
    for row in read(tables / "branes_models.csv"):
        cpu = row["device"] == "cpu"
        if row["model"] not in same or (cpu and row["precision"] != "FP32"):
            continue  # the CPUs compute 16 bits in software
        for d in devices:
            if d.table != "branes" or d.key != row["hardware_id"]:
                continue
            half = row["precision"] != "FP32"
            # One device in all its states of power.
            case = network_case(d, d.peak * (d.half if half else 1), 2 if half else 4,
                                networks[same[row["model"]]], int(row["batch"]),
                                1 / d.clock if cpu else 1, "branes",
                                f"{row['model']} {row['precision']} {row['batch']}",
                                float(row["latency_ms_sum_of_ops"]) / 1e3)
            name = {"jet": "NVIDIA Jetson AGX Orin", "i7_": "Intel i7-12700K",
                    "int": "Intel i7-12700K"}.get(d.key[:3], d.key)
            cases.append((d.device_class, case._replace(device=name)))
    return cases


def neusight_cases(tables, devices):
    by_name = {d.key: d for d in devices if d.table == "neusight"}
    cases = []
    for row in read(tables / "neusight_gpu_ops_sample.csv"):
        d = by_name[row["device"]]
        features = [0.0] * len(KINDS)
        batch = float(row["B"])
        if row["op"] in ("bmm", "linear"):
            m, n, k = (float(row[c]) for c in "MNK")
            features[PRODUCTS] = (2 * batch * m * n * k / d.peak /
                                  tiled(m, n, k, batch, d.cores))
            moved = batch * (m * k + n * k + m * n)
        else:
            operands = 3 if row["op_variant"] in ("add", "div", "mul") else 2
            moved = batch * float(row["H"]) * operands
        features[FAR], features[CALL] = 4 * moved / d.bandwidth, 1.0
        features[OTHERS] = batch * float(row["H"] or 0) / d.peak
        cases.append((d.device_class, Case(d.key, "neusight", row["op"], features,
                                           float(row["latency_ms"]) / 1e3)))
    return cases


def tiny_cases(tables, devices):
    cases = []
    for row in read(tables / "mlperf_tiny_kws.csv"):
        if row["accelerator"]:
            continue
        name = (row["board"] + " " + row["system"]).upper()
        for d in devices:
            if d.table == "mlperf_tiny" and d.key in name and row["latency_ms"]:
                features = [0.0] * len(KINDS)
                features[PRODUCTS] = 2 * KWS_MACS / d.peak
                cases.append((d.device_class, Case(d.key, "mlperf_tiny", row["framework"], features,
                                                   float(row["latency_ms"]) / 1e3)))
                break
    return cases


def npu_cases(_tables, _devices):
    cases = []
    for row in read(NPU):
        number = {k: float(v) for k, v in row.items() if k not in ("device", "model", "source")}
        peak, weights = number["peak_gops"] * 1e9, number["weight_bytes"]
        features = [0.0] * len(KINDS)
        features[PRODUCTS] = 2 * (number["macs"] - number["macs_depthwise"]) / peak
        features[DEPTHWISE] = 2 * number["macs_depthwise"] / peak
        if weights > number["sram_mb"] * 2**20:
            features[FAR] = weights / (number["bandwidth_gb"] * 1e9)
        features[CALL], features[RUN] = number["layers"], 1.0
        cases.append(("npu", Case(row["device"], "coral", row["model"], features,
                                  number["ms"] / 1e3)))
    return cases


def estimated(coefficients, features):
    return sum(c * x for c, x in zip(coefficients, features))


def weights_of(cases):
    """Of a device in all its tables as much as of another with fewer rows."""
    rows = collections.Counter((c.device, c.table) for c in cases)
    return [1 / rows[c.device, c.table] for c in cases]


def thinned(cases, most=60):
    """Evenly out of each device and table, in their order: a fit needs no more."""
    groups = collections.defaultdict(list)
    for c in cases:
        groups[c.device, c.table].append(c)
    return [group[int(i * len(group) / min(most, len(group)))] for group in groups.values()
            for i in range(min(most, len(group)))]


def fit(cases, belief, start, rounds):
    """Least sum of |ln(estimated / measured)| with the belief's pull, by steps along one
    coefficient at a time."""
    cases = thinned(cases)
    rows = [(c.features, math.log(c.seconds), w) for c, w in zip(cases, weights_of(cases))]

    pull = PULL * sum(w for _, _, w in rows)

    def loss(coefficients):
        far = sum(math.log(c / b) ** 2 for c, b in zip(coefficients, belief) if b > 0)
        return pull * far + sum(w * abs(math.log(estimated(coefficients, x)) - y)
                                for x, y, w in rows)

    best, least = list(start), loss(start)
    steps = [0.7 if c > 0 else 0 for c in start]
    for _ in range(rounds):
        for i, step in enumerate(steps):
            if step < 1e-3:
                continue
            for sign in (1, -1):
                tried = list(best)
                tried[i] *= math.exp(sign * step)
                if loss(tried) < least:
                    best, least = tried, loss(tried)
                    steps[i] *= 1.3
                    break
            else:
                steps[i] *= 0.5
    return best


def quantile(values, weights, share):
    order = sorted(zip(values, weights))
    total, so_far = sum(weights), 0
    for value, weight in order:
        so_far += weight
        if so_far >= share * total - 1e-12:
            return value
    return order[-1][0]


def residuals_of(coefficients, cases):
    return [math.log(c.seconds / estimated(coefficients, c.features)) for c in cases]


def bound_of(by_device, share, left_out=None):
    """So far off are `share` of the cases, each device as much as another."""
    values, weights = [], []
    for d in by_device:
        if d != left_out:
            values += [abs(r) for r in by_device[d]]
            weights += [1 / len(by_device[d])] * len(by_device[d])
    return quantile(values, weights, share)


def coverage(by_device, share):
    """Of cases within the bound that the other devices give."""
    covered = 0.0
    for device, values in by_device.items():
        bound = bound_of(by_device, share, device)
        covered += sum(abs(r) <= bound for r in values) / len(values)
    return covered / len(by_device)


def certain_share(by_device, nominal=0.9):
    """The least share whose bounds hold for `nominal` of the cases of devices left out: with few
    devices more than that itself, as the next one is none of them."""
    shares = [nominal + i / 200 for i in range(round((1 - nominal) * 200) + 1)]
    return next((s for s in shares if coverage(by_device, s) >= nominal), 1.0)


def nested_coverage(by_device, most=40):
    """The same where the share, too, is chosen without the device: what a new one can expect. A
    device's cases are thinned."""
    thin = {d: sorted(v)[::math.ceil(len(v) / most)] for d, v in by_device.items()}
    covered = 0.0
    for device, values in thin.items():
        others = {d: v for d, v in thin.items() if d != device}
        bound = bound_of(others, certain_share(others))
        covered += sum(abs(r) <= bound for r in values) / len(values)
    return covered / len(thin)


def validated(cases, belief, start, rounds=14):
    """Residuals of each device by a fit without it, and the interval that the others give it."""
    devices = sorted({c.device for c in cases})
    residuals = {}
    for device in devices:
        coefficients = fit([c for c in cases if c.device != device], belief, start, rounds)
        residuals[device] = residuals_of(coefficients, [c for c in cases if c.device == device])
    return residuals


def summary(residuals):
    errors, weights = [], []
    for values in residuals.values():
        errors += [abs(math.expm1(-r)) for r in values]
        weights += [1 / len(values)] * len(values)
    share = certain_share(residuals)
    return {"devices": len(residuals), "cases": len(errors),
            "median": quantile(errors, weights, 0.5), "covered": nested_coverage(residuals),
            "half_width": bound_of(residuals, share)}


def transfer(cases, coefficients, devices):
    """What is left over where a device's times are rescaled to another one of the same instruction
    set, table and network, and number of threads: by target, and how many targets there are."""
    isa = {d.key: d.isa for d in devices}
    isa["Intel i7-12700K"] = "x86"
    groups = collections.defaultdict(list)
    for case, residual in zip(cases, residuals_of(coefficients, cases)):
        name, threads = case.what.rsplit(" ", 1) if case.table == "ncnn" else (case.what, "all")
        groups[isa[case.device], case.table, name, threads == "1"].append((case.device, residual))
    pairs = collections.defaultdict(list)
    for group in groups.values():
        for device, residual in group:
            pairs[device] += [residual - r for d, r in group if d != device]
    return pairs


def by_table(residuals, cases, name):
    tables = collections.defaultdict(lambda: collections.defaultdict(list))
    for device, values in residuals.items():
        of = [c for n, own in cases.items() if TOGETHER.get(n, n) == name
              for c in own if c.device == device]
        for case, value in zip(of, values):
            tables[case.table][device].append(value)
    return tables


HEAD = """// What classes of devices reach of their figures: seconds for each second that figures promise.
// CLASS_PRIOR(name, windows, products, depthwise, others, far, call, run, half_width, devices).
// Written by `tools/fit_classes.py --write`, which says from what; devices 0: assumed, nobody has
// compared it with measurements, and the interval is the widest of the others.
// TRANSFER(class, half_width, devices): of devices rescaled to each other.
// `call`: cycles of a step on CPUs of several cores, seconds of a step elsewhere. `run`: seconds.
"""


def priors_text(fits, summaries, moved):
    widest = max(s["half_width"] for s in summaries.values())
    text = HEAD
    for name, coefficients in fits.items():
        s = summaries.get(TOGETHER.get(name, name), {"half_width": widest, "devices": 0})
        figures_ = ", ".join(f"{c:.3g}" for c in coefficients)
        text += f"CLASS_PRIOR({name}, {figures_}, {s['half_width']:.2f}, {s['devices']})\n"
    text += f"TRANSFER(cpu, {moved['half_width']:.2f}, {moved['devices']})\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--write", action="store_true", help="write " + PRIORS.name)
    parser.add_argument("--devices", action="store_true", help="the errors of each device")
    args = parser.parse_args()
    if not (args.tables / "ncnn_benchmark_half.csv").exists():
        print(f"skipped: no tables in {args.tables}")
        return 0
    devices = figures()
    cases = collections.defaultdict(list)
    for reader in (ncnn_cases, branes_cases, neusight_cases, tiny_cases, npu_cases):
        for device_class, case in reader(args.tables, devices):
            cases[device_class].append(case)
    fits, residuals = {}, collections.defaultdict(dict)
    for name, belief in START.items():
        own = cases[name]
        fits[name] = fit(own, belief, belief, 60) if own else belief
        if len({c.device for c in own}) > 1:
            residuals[TOGETHER.get(name, name)].update(validated(own, belief, fits[name]))
    summaries = {name: summary(of) for name, of in residuals.items()}
    for name, s in summaries.items():
        print(f"{name:8} {s['devices']:3} devices {s['cases']:5} cases: median error "
              f"{s['median']:.1%}, {s['covered']:.1%} in intervals of a factor of "
              f"{math.exp(s['half_width']):.2f}")
        for table, of in by_table(residuals[name], cases, name).items():
            errors = [abs(math.expm1(-r)) for values in of.values() for r in values]
            print(f"           {table:12} {len(of):3} devices {len(errors):5} cases: median error "
                  f"{quantile(errors, [1] * len(errors), 0.5):.1%}")
        for device, values in residuals[name].items() if args.devices else ():
            print(f"      {device:34} {len(values):4} {quantile(values, [1] * len(values), .5):+.2f}")
    moved = transfer(cases["cpu"], fits["cpu"], devices)
    t = summary(moved)
    print(f"CPUs rescaled to each other: {t['devices']} devices {t['cases']} pairs: median error "
          f"{t['median']:.1%}, {t['covered']:.1%} in intervals of a factor of "
          f"{math.exp(t['half_width']):.2f}")
    if args.write:
        PRIORS.write_text(priors_text(fits, summaries, t), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
