"""engines and benchmark: real processes, and the engines that are at hand."""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from harness import CNN, HONE, VIT, CommandTest, plain_environment

QUICK = ["--rounds", 2, "--seconds", 0.02]
REPORT = Path(tempfile.mkdtemp(prefix="hone_calibration_")) / "report.json"


def setUpModule():
    """What the machine can do at best is measured once; the other runs take it from this report."""
    done = subprocess.run([HONE, "benchmark", CNN, "--engines", "hone", "--sweep-threads",
                           f"1,2,{len(os.sched_getaffinity(0))}", "--json", *map(str, QUICK)],
                          check=True, capture_output=True, env=plain_environment())
    REPORT.write_bytes(done.stdout)
    QUICK.extend(["--calibration", REPORT])


def tearDownModule():
    shutil.rmtree(REPORT.parent)


class Engines(CommandTest):
    def test_what_there_is(self):
        engines = {e["name"]: e for e in self.hone("engines", "--json").json()["engines"]}
        self.assertTrue(engines["hone"]["available"])
        self.assertIn("hone " + engines["hone"]["version"], self.hone("version").out)
        missing = self.hone("engines", "--json",
                            environment={"HONE_ENGINES_PYTHON": "/no/python"}).json()["engines"]
        ort = next(e for e in missing if e["name"] == "onnxruntime")
        self.assertFalse(ort["available"])
        self.assertEqual(ort["install"], "/no/python -m pip install onnxruntime")
        self.assertIn("/no/python -m pip install onnxruntime", self.hone(
            "engines", environment={"HONE_ENGINES_PYTHON": "/no/python"}).out)


class Benchmark(CommandTest):
    def test_hone_alone(self):
        report = self.hone("benchmark", CNN, VIT, "--engines", "hone", "--sweep-threads", "1,2",
                           "--json", *QUICK).json()
        measured = json.loads(REPORT.read_text())
        self.assertEqual(report["calibration"], measured["calibration"])
        self.assertEqual([(r["model"], r["threads"]) for r in report["results"]],
                         [(str(m), t) for m in (CNN, VIT) for t in (1, 2)])
        for key in ("f32_flops", "int8_ops"):
            self.assertGreater(report["calibration"][key], 0)
        for key in ("l2_bytes_per_s", "l3_bytes_per_s", "dram_bytes_per_s"):  # 0 where there is no such level
            self.assertGreaterEqual(report["calibration"][key], 0)
        self.assertEqual([c["threads"] for c in report["calibrations"]], [1, 2])
        for r in report["results"]:
            self.assertEqual((r["engine"], r["precision"]), ("hone", "f32"))
            self.assertTrue(r["parity"]["equal"])
            self.assertEqual(r["parity"]["expected_from"], "reference")
            self.assertLess(r["parity"]["largest_relative"], 1e-4)
            latency = r["latency_s"]
            self.assertEqual(len(r["rounds_s"]), 2)
            self.assertEqual(sum(map(len, r["rounds_s"])), latency["n"])
            self.assertLessEqual(latency["low"], latency["median"])
            self.assertLessEqual(latency["median"], latency["high"])
            self.assertGreater(r["load_s"], 0)
            self.assertGreater(r["peak_memory_bytes"], r["idle_memory_bytes"])
            self.assertGreater(r["macs"], 1000)
            # Of a peak that other jobs may have disturbed when it was measured.
            self.assertGreater(r["fraction_of_f32_peak"], 0)

    def test_a_compiled_model(self):
        self.hone("compile", CNN, "-o", "a.hone")
        report = self.hone("benchmark", "a.hone", "--engines", "hone", "--json", *QUICK).json()
        self.assertTrue(report["results"][0]["parity"]["equal"])

    def test_compiled_beside_the_model(self):
        words = ["benchmark", CNN, VIT, "--engines", "hone,hone-compiled", "--json", *QUICK]
        for cached in (False, True):
            results = self.hone(*words).json()["results"]
            self.assertEqual([(r["model"], r["engine"]) for r in results],
                             [(str(m), e) for m in (CNN, VIT) for e in ("hone", "hone-compiled")])
            for r in results:
                self.assertTrue(r["parity"]["equal"], r)
                self.assertGreater(r["first_in_runs"], 0)
                self.assertEqual(r["file_bytes"], os.path.getsize(r["model"]))
                if r["engine"] == "hone-compiled":
                    self.assertGreater(r["artefact_bytes"], 1000)
                    self.assertEqual(r["compile_cached"], cached)
        # An artefact is what both are given.
        self.hone("compile", CNN, "-o", "a.hone")
        results = self.hone("benchmark", "a.hone", *words[3:]).json()["results"]
        self.assertTrue(all(r["parity"]["equal"] for r in results))

    def test_operators(self):
        for op, dims, macs in (("gemm", "5x7x9", 5 * 7 * 9),
                               ("quantized_gemm", "5x7x9", 5 * 7 * 9),
                               ("block4_gemm", "5x7x64", 5 * 7 * 64),
                               ("block8_gemm", "5x7x32", 5 * 7 * 32), ("conv", "1x3x8x8x6x3x2", 27 * 6 * 16),
                               ("depthwise", "1x8x6x6x3", 8 * 36 * 9), ("add", "3x5", 0),
                               ("gelu", "64", 0), ("softmax", "2x33", 0),
                               ("layer_normalization", "4x9", 0), ("rms_normalization", "4x9", 0),
                               ("attention", "1x2x5x8", 2 * 2 * 5 * 5 * 8), ("copy", "7x3", 0),
                               ("scale", "21", 0), ("triad", "2x9", 0)):
            report = self.hone("benchmark", "--op", op, "--dims", dims, "--json", *QUICK).json()
            self.assertEqual(len(report["results"]), 1)
            r = report["results"][0]
            self.assertEqual((r["model"], r["op"], r["dims"], r["engine"]),
                             (f"{op} {dims}", op, dims, "hone"))
            self.assertEqual(r["macs"], macs)
            self.assertLess(r["parity"]["largest_relative"], 1e-4)
            for key in ("bytes", "bytes_per_s"):
                self.assertGreater(r[key], 0)
            self.assertEqual(r["flops_per_s"] > 0, op != "copy")
            self.assertIn(r["level"], ("L2", "L3", "memory"))
            self.assertGreaterEqual(r["fraction_of_bandwidth"], 0)
            self.assertEqual("fraction_of_int8_peak" in r, "_gemm" in op)
        self.assertEqual(r["bytes"], 3 * 4 * 18 + 4)
        text = self.hone("benchmark", "--op", "gemm", "--dims", "5x7x9", "--dims", "16x16x16",
                         *QUICK).out
        self.assertIn("gemm 5x7x9", text)
        self.assertIn("gemm 16x16x16", text)

    def test_operators_that_are_asked_for_wrongly(self):
        for words in (["--op", "gemm"], ["--dims", "3"], [], ["--op", "nothing", "--dims", "3"],
                      ["--op", "gemm", "--dims", "3x4"], ["--op", "gemm", "--dims", "3x4x0"],
                      ["--op", "add", "--dims", "3x"], [CNN, "--op", "add", "--dims", "3"],
                      ["--op", "matmul", "--dims", "3"]):
            self.refused("benchmark", *words, error="usage", code=2)

    def test_files_of_the_working_folder_are_data(self):
        for name in ("json.py", "mmap.py", "numpy.py", "onnxruntime.py", "struct.py"):
            self.write(name, "open('was_run', 'w').close()\n")
        python = {"HONE_ENGINES_PYTHON": sys.executable}
        self.hone("engines", environment=python)
        self.hone("benchmark", CNN, *QUICK, environment=python)
        self.assertFalse(os.path.exists(self.path("was_run")))
        self.write("hone.yaml", "engines:\n  python: ./evil\n")
        self.refused("engines", error="config.invalid", code=2)
        self.hone("engines", "--config", "hone.yaml")

    def test_the_worker_gets_the_limits(self):
        report = self.hone("benchmark", CNN, "--engines", "hone", "--limits", "memory=900MB",
                           "--json", *QUICK).json()
        self.assertTrue(report["results"][0]["parity"]["equal"])

    def test_made_up_operators_keep_to_the_limits(self):
        for op, dims in (("gemm", "64x64x64"), ("gemm", "1000000x1000000x1000000"),
                         ("add", "64x64"), ("conv", "1x64x8x8x64x1000000")):
            self.refused("benchmark", "--op", op, "--dims", dims, *QUICK, "--limits",
                         "runtime_memory=10kB", error="limit.memory", code=4)

    def test_calibrations_of_other_machines_are_refused(self):
        report = json.loads(REPORT.read_text())
        report["machine"]["cpu"] += " of another make"
        self.write("other.json", json.dumps(report))
        self.write("odd.json", "[1, 2")
        report = json.loads(REPORT.read_text())
        report["calibrations"][0]["f32_flops"] = -1
        self.write("below.json", json.dumps(report))
        for name, error in (("other.json", "data.mismatch"), ("odd.json", "data.malformed"),
                            ("below.json", "data.mismatch"), ("none.json", "io.not_found")):
            result = self.hone("benchmark", CNN, "--engines", "hone", *QUICK[:4], "--calibration",
                               name, code=3)
            self.assertIn(f"[{error}]", result.err)

    def test_samples_are_appended(self):
        for _ in range(2):
            report = self.hone("benchmark", CNN, "--engines", "hone", "--samples", "s.csv", "--json",
                               *QUICK).json()
        with open(self.path("s.csv"), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({r["engine"] for r in rows}, {"hone"})
        self.assertEqual({r["round"] for r in rows}, {"0", "1"})
        self.assertEqual(rows[-1]["quantity"], "visit")
        times = [float(r["value"]) for r in rows if r["quantity"] == "time_s"]
        last = times[-report["results"][0]["latency_s"]["n"]:]
        flat = [s for round_ in report["results"][0]["rounds_s"] for s in round_]
        for a, b in zip(last, flat):
            self.assertAlmostEqual(a, b, places=8)

    def test_engines_that_are_missing(self):
        nowhere = {"HONE_ENGINES_PYTHON": "/no/python"}
        text = self.hone("benchmark", CNN, *QUICK, environment=nowhere).out
        self.assertIn("/no/python", text)
        # Asked for by name, a missing engine is a failure.
        self.hone("benchmark", CNN, "--engines", "hone,onnxruntime", *QUICK, environment=nowhere,
                  code=1)

    def test_what_is_asked_wrongly(self):
        for words in (["--engines", "hne"], ["--engines", "hone,hone"], ["--rounds", 0],
                      ["--seconds", 0], ["--sweep-threads", "1,x"], ["--sweep-threads", "0"],
                      ["--bind", "nothing=3"], ["--tolerance", -1]):
            self.refused("benchmark", CNN, *words, error="usage", code=2)
        self.refused("benchmark", "none.onnx", error="io.not_found")
        self.refused("worker", error="usage", code=2)

    def test_onnxruntime(self):
        python = os.environ.get("ENGINES_PYTHON") or sys.executable
        if subprocess.run([python, "-c", "import onnxruntime"], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("onnxruntime is not installed")
        found = {"HONE_ENGINES_PYTHON": python}
        report = self.hone("benchmark", CNN, VIT, "--json", "--bind", "batch=3", *QUICK,
                           environment=found).json()
        for r in report["results"]:
            self.assertTrue(r["parity"]["equal"], r)
            self.assertGreater(r["latency_s"]["n"], 0)
        ratio = report["results"][1]["ratio_to_first"]
        self.assertGreater(ratio["median"], 0)


if __name__ == "__main__":
    unittest.main()
