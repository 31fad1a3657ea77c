"""The fit of classes of devices, on made-up devices, and the reader of MLPerf Tiny's results."""
import csv
import io
import math
import os
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import fit_classes  # noqa: E402
import tiny_energy  # noqa: E402


def cases_of(coefficients, devices=12, offset=lambda d: 0):
    """Devices whose times are by these coefficients, but for a factor of each device."""
    cases = []
    for d in range(devices):
        for n in range(12):
            x = [(1 + (7 * n + 3 * i + d) % 11) * 1e-3 for i in range(len(coefficients))]
            seconds = fit_classes.estimated(coefficients, x) * math.exp(offset(d))
            cases.append(fit_classes.Case(f"d{d}", "t", f"n{n} 1", x, seconds))
    return cases


class Fits(unittest.TestCase):
    TRUE = [1, 3, 8, 20, 2, 5, 0]
    BELIEF = [2, 2, 5, 10, 1.3, 3, 0]

    def test_recovers_coefficients(self):
        found = fit_classes.fit(cases_of(self.TRUE), self.BELIEF, self.BELIEF, 60)
        for true, got in zip(self.TRUE[:6], found):
            self.assertLess(abs(math.log(got / true)), 0.5)
        self.assertEqual(found[6], 0)
        errors = fit_classes.residuals_of(found, cases_of(self.TRUE))
        self.assertLess(max(map(abs, errors)), 0.1)

    def test_without_evidence_the_belief_stays(self):
        cases = [c._replace(features=[0, c.features[1], 0, 0, 0, 0, 0],
                            seconds=3 * c.features[1]) for c in cases_of(self.TRUE)]
        found = fit_classes.fit(cases, self.BELIEF, self.BELIEF, 60)
        self.assertAlmostEqual(found[2], 5)
        self.assertLess(abs(found[1] - 3), 0.1)

    # Devices differ by factors between 1/e and e: intervals of devices that were left out hold.
    def test_intervals_cover_devices_that_were_left_out(self):
        cases = cases_of(self.TRUE, 20, lambda d: (d * 7 % 20 - 9.5) / 9.5)
        residuals = fit_classes.validated(cases, self.BELIEF, self.BELIEF, 10)
        self.assertEqual(len(residuals), 20)
        s = fit_classes.summary(residuals)
        self.assertGreaterEqual(s["covered"], 0.85)
        self.assertGreater(s["half_width"], 0.5)
        self.assertLess(s["half_width"], 1.3)

    def test_bounds_count_devices(self):
        residuals = {f"d{i}": [i / 100] * (1 + i % 3) for i in range(1, 101)}
        self.assertAlmostEqual(fit_classes.bound_of(residuals, 0.9), 0.9)
        self.assertAlmostEqual(fit_classes.bound_of(residuals, 0.9, "d90"), 0.91)
        self.assertGreaterEqual(fit_classes.coverage(residuals, 0.9), 0.89)

    # The next device is none of those that were seen: a bound of theirs is raised until it holds.
    def test_few_devices_widen_the_bound(self):
        few = {f"d{i}": [i / 10] for i in range(1, 11)}
        share = fit_classes.certain_share(few)
        self.assertGreaterEqual(share, 0.9)
        self.assertGreaterEqual(fit_classes.coverage(few, share), 0.9)

    def test_tiles(self):
        full = fit_classes.tiled(1024, 1024, 1 << 20, 1, 64)
        self.assertAlmostEqual(full, 1, places=3)
        # One tile more needs a whole wave; a short depth is used badly; small tiles suit little.
        self.assertLess(fit_classes.tiled(1025, 1024, 1 << 20, 1, 64), 0.8)
        self.assertLess(fit_classes.tiled(1024, 1024, 32, 1, 64), 0.6)
        self.assertGreater(fit_classes.tiled(256, 256, 1 << 20, 1, 64), 4 / 64)

    def test_without_tables_nothing_is_done(self):
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as out, \
                mock.patch.object(sys, "argv", ["fit_classes.py", folder, "--write"]):
            self.assertEqual(fit_classes.main(), 0)
        self.assertIn("skipped", out.getvalue())

    # Where the tables are, the program's coefficients are those of the script.
    def test_the_programs_priors_are_fitted(self):
        tables = os.environ.get("HONE_PUBLISHED_TABLES", "")
        if not (Path(tables) / "ncnn_benchmark_half.csv").exists():
            self.skipTest("HONE_PUBLISHED_TABLES names no folder of tables")
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "priors.def"
            with mock.patch.object(fit_classes, "PRIORS", written), \
                    redirect_stdout(io.StringIO()), \
                    mock.patch.object(sys, "argv", ["fit_classes.py", tables, "--write"]):
                fit_classes.main()
            self.assertEqual(written.read_text(),
                             (ROOT / "src/estimate/class_priors.def").read_text())


class TinyEnergy(unittest.TestCase):
    ENERGY = """
00001.0 ulp-ml:   Energy/Inf.  :     100.0 uJ/inf.
00002.0 ulp-ml:   Energy/Inf.  :     103.0 uJ/inf.
00003.0 ulp-ml:   Energy/Inf.  :     101.0 uJ/inf.
00004.0 ulp-ml: Median throughput is 50.000 inf./sec.
"""

    def test_reads_runs(self):
        self.assertEqual(tiny_energy.run_of(self.ENERGY, "energy"), (101.0, 50.0))
        self.assertEqual(tiny_energy.run_of("Median throughput is 4 inf./sec.", "performance"),
                         (None, 4.0))
        self.assertEqual(tiny_energy.run_of("", "energy"), (None, None))

    def test_reads_a_repository(self):
        with tempfile.TemporaryDirectory(suffix="tiny_results_v9.1") as folder:
            base = Path(folder) / "closed/someone/results/board/keyword_spotting"
            for mode, text in (("energy", self.ENERGY),
                               ("performance", "Median throughput is 40.0 inf./sec.")):
                (base / mode).mkdir(parents=True)
                (base / mode / "results.txt").write_text(text)
            for words in (("init", "-q"), ("add", "."),
                          ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q",
                           "-m", "t")):
                subprocess.run(["git", "-C", folder, *words], check=True)
            with redirect_stdout(io.StringIO()) as out, \
                    mock.patch.object(sys, "argv", ["tiny_energy.py", folder]):
                tiny_energy.main()
        [row] = csv.DictReader(io.StringIO(out.getvalue()))
        self.assertEqual(row["round"], "v9.1")
        self.assertEqual(row["system"], "board")
        self.assertEqual(row["benchmark"], "kws")
        self.assertEqual(float(row["latency_ms"]), 25)
        self.assertEqual(float(row["energy_uJ_per_inf"]), 101)
        self.assertEqual(float(row["energy_mode_throughput_inf_s"]), 50)


if __name__ == "__main__":
    unittest.main()
