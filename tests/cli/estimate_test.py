"""`hone analyze` and `hone calibrate`: what they print, write and refuse. Times are not looked at."""
import hashlib
import json
import math
import unittest
from pathlib import Path

from harness import ADD, CNN, ROOT, VIT, CommandTest

KEYS = {"model", "device", "device_name", "parameters", "macs", "flops", "latency_s",
        "throughput_per_s", "peak_memory_bytes", "process_memory_bytes", "energy_j", "confidence_shares", "bound_by",
        "bound_shares", "memory", "partition", "uncovered", "uncovered_operators",
        "operators", "notes"}
CONFIDENCES = ("exact", "calibrated", "interpolated", "theoretical")


class EstimateTest(CommandTest):
    def setUp(self):
        super().setUp()
        # No calibration and no device of the user.
        self.data = {"XDG_DATA_HOME": str(self.folder / "data")}

    def analyze(self, *words, code=0):
        return self.hone("analyze", *words, code=code, environment=self.data)

    def no_analysis(self, *words, error="usage", code=2):
        return self.refused("analyze", *words, error=error, code=code, environment=self.data)

    def check_quantity(self, quantity):
        self.assertEqual(set(quantity), {"value", "low", "high", "confidence", "source"})
        self.assertLessEqual(0, quantity["low"])
        self.assertLessEqual(quantity["low"], quantity["value"])
        if quantity["high"] is not None:
            self.assertLessEqual(quantity["value"], quantity["high"])
        self.assertIn(quantity["confidence"], CONFIDENCES)
        self.assertTrue(quantity["source"])


class Analyze(EstimateTest):
    def test_text(self):
        text = self.analyze(CNN, "--device", "rpi5").out
        self.assertIn("parameters", text.splitlines()[0])
        self.assertIn("MACs", text.splitlines()[0])
        for name in ("latency", "throughput", "peak memory", "energy", "bound by", "operator"):
            self.assertRegex(text, rf"(?m)^  {name}")
        self.assertIn("theoretical", text)
        self.assertNotIn("\n  operator", self.analyze(CNN, "--device", "rpi5", "--top", 0).out)

    def test_json(self):
        report = self.analyze(CNN, "--threads", 1, "--json").json()
        self.assertEqual(set(report), KEYS)
        self.assertEqual(report["device"], "host")
        self.assertGreater(report["parameters"], 60000)
        self.assertGreater(report["macs"], 3e6)
        self.assertGreaterEqual(report["flops"], 2 * report["macs"])
        for name in ("latency_s", "throughput_per_s", "peak_memory_bytes", "process_memory_bytes", "energy_j"):
            self.check_quantity(report[name])
        self.assertIn(report["bound_by"], report["bound_shares"])
        self.assertAlmostEqual(sum(report["bound_shares"].values()), 1)
        memory = report["memory"]
        self.assertEqual(report["peak_memory_bytes"]["value"],
                         sum(memory[f"{part}_bytes"]
                             for part in ("weights", "arena", "inputs", "outputs", "states",
                                      "nested_arenas")))
        self.assertLessEqual(max(memory["arena_timeline_bytes"]), memory["arena_bytes"])
        self.assertEqual(memory["inputs_bytes"], 4 * 28 * 28)
        self.assertTrue(report["operators"])
        for operator in report["operators"]:
            self.check_quantity(operator["latency_s"])
            self.assertTrue(operator["family"])
            self.assertIn(operator["bound_by"], report["bound_shares"])
        self.assertAlmostEqual(sum(o["macs"] for o in report["operators"]), report["macs"])
        # The whole is its operators and what a run takes beside them, which is overhead.
        whole = report["latency_s"]["value"]
        parts = sum(o["latency_s"]["value"] for o in report["operators"])
        self.assertLessEqual(parts, whole * (1 + 1e-9))
        self.assertLessEqual(whole - parts, whole * (report["bound_shares"]["overhead"] + 1e-9))
        self.assertGreater(parts, 0.5 * whole)

    # Nobody has calibrated this machine for so many threads: what is known of others is said to be
    # that.
    def test_without_a_calibration(self):
        report = self.analyze(CNN, "--threads", 7, "--json").json()
        self.assertEqual(report["latency_s"]["confidence"], "interpolated")
        self.assertIn("not calibrated for 7 threads", " ".join(report["notes"]))
        self.assertGreaterEqual(report["latency_s"]["high"] / report["latency_s"]["value"], 2.2)
        # Where kernels are not those of the calibration, it is told and counts.
        other = self.hone("analyze", CNN, "--threads", 7, "--json",
                          environment={**self.data, "HONE_INSTRUCTION_SET": "portable"}).json()
        self.assertIn("the calibration is of the kernels", " ".join(other["notes"]))
        self.assertGreater(other["latency_s"]["high"] / other["latency_s"]["value"], 2.9)

    # Of so many threads as work: without a power sensor, by the core.
    def test_energy_by_threads(self):
        def watts(threads):
            report = self.analyze(CNN, "--threads", threads, "--json").json()
            return report["energy_j"]["value"] / report["latency_s"]["value"]
        self.assertAlmostEqual(watts(6) / watts(3), 2, places=3)

    def test_memory_of_states(self):
        counter = self.write("counter.hir", "hone 1\ngraph main(x: f32[300]) state total: f32[300] "
                             "-> (y) {\n  y: f32[300] = add(total, x)\n  next total = y\n}\n")
        self.assertIn("states 1.2 kB", self.analyze(counter, "--device", "rpi5").out)

    def test_several_devices_and_batches(self):
        results = self.analyze(CNN, "--device", "rpi5,nvidia_t4", "--batch", "1,8",
                               "--json").json()["results"]
        self.assertEqual([(r["device"], r["batch"]) for r in results],
                         [("raspberry_pi_5", 1), ("nvidia_t4", 1), ("raspberry_pi_5", 8),
                          ("nvidia_t4", 8)])
        one, _, eight, _ = results
        self.assertEqual(eight["macs"], 8 * one["macs"])
        self.assertEqual(eight["parameters"], one["parameters"])
        self.assertEqual(eight["memory"]["inputs_bytes"], 8 * one["memory"]["inputs_bytes"])
        bound = self.analyze(CNN, "--device", "rpi5", "--bind", "batch=8", "--json").json()
        self.assertEqual(bound["macs"], eight["macs"])
        self.assertEqual(bound["latency_s"]["value"], eight["latency_s"]["value"])

    def test_text_form(self):
        report = self.analyze(self.write("add.hir", ADD), "--device", "rpi5", "--bind", "N=5",
                              "--json").json()
        self.assertEqual(report["macs"], 0)
        self.assertEqual(report["memory"]["inputs_bytes"], 4 * 4 + 4 * 5)

    def test_refusals(self):
        for batch in ("0", "-1", "x", "1,,2", "1.5", "99999999999"):
            self.no_analysis(CNN, f"--batch={batch}")
        self.no_analysis(CNN, "--device", "no_such_device", error="device.unknown")
        self.assertIn("it has batch", self.no_analysis(CNN, "--bind", "Q=3").err)
        for bad in ("batch", "batch=0", "batch=x", "=3"):
            self.no_analysis(CNN, "--bind", bad)
        fixed = self.write("fixed.hir", "hone 1\ngraph main(x: f32[2]) -> (y) { y = neg(x) }\n")
        self.assertIn("batch", self.no_analysis(fixed, "--batch", 2).err)
        for activity in ("0", "-1", "1.5", "x", "nan"):
            self.no_analysis(CNN, "--device", "loihi1", f"--activity={activity}")
        self.no_analysis(CNN, "--device", "loihi1", "--steps", 0)
        self.no_analysis(CNN, "--device", "i7_12700k", "--threads", 99)
        # What would do nothing, or contradicts itself.
        for words in (("--prefill", 7), ("--depth", 9), ("--prefill", 7, "--bind", "batch=2"),
                      ("--bind", "batch=4", "--batch", 8), ("--top", "-1")):
            self.no_analysis(CNN, *words)
        self.analyze(CNN, "--bind", "batch=8", "--batch", 8)

    # A CPU of the kind of a calibrated one is estimated by that one.
    def test_interpolated(self):
        report = self.analyze(CNN, "--device", "i7_12700k", "--json").json()
        latency = report["latency_s"]
        self.assertEqual(latency["confidence"], "interpolated")
        self.assertIn("12700K", latency["source"])
        self.assertIn("calibration of", latency["source"])
        self.assertEqual(report["energy_j"]["confidence"], "theoretical")
        one = self.analyze(CNN, "--device", "i7_12700k", "--threads", 1, "--json").json()
        self.assertGreater(one["latency_s"]["value"], latency["value"])
        self.assertIn("with 1 of 12 cores", " ".join(one["notes"]))
        # Of another instruction set nothing is known.
        arm = self.analyze(CNN, "--device", "rpi5", "--json").json()
        self.assertEqual(arm["latency_s"]["confidence"], "theoretical")
        self.assertIn("published measurements of", arm["latency_s"]["source"])
        one = self.analyze(CNN, "--device", "rpi5", "--threads", 1, "--json").json()
        self.assertLess(one["energy_j"]["value"] / one["latency_s"]["value"],
                        arm["energy_j"]["value"] / arm["latency_s"]["value"])
        self.assertIn("with 1 of 4 cores", " ".join(one["notes"]))
        self.no_analysis(CNN, "--device", "rpi5", "--threads", 5)

    def test_spikes(self):
        words = (CNN, "--device", "loihi1", "--json")
        report = self.analyze(*words).json()
        self.assertEqual(set(report), KEYS)
        for name in ("latency_s", "throughput_per_s", "peak_memory_bytes", "energy_j"):
            self.check_quantity(report[name])
            self.assertEqual(report[name]["confidence"], "theoretical")
        self.assertIn("activity 0.1, 32 time steps", " ".join(report["notes"]))
        busier = self.analyze(*words, "--activity", "0.2", "--steps", 64).json()
        self.assertGreater(busier["latency_s"]["value"], report["latency_s"]["value"])
        self.assertGreater(busier["energy_j"]["value"], 2 * report["energy_j"]["value"])
        # What is not published is named, and so is what spikes cannot do.
        unknown = self.no_analysis(CNN, "--device", "loihi2", error="model.unsupported_feature",
                                   code=3)
        self.assertIn("time_per_synaptic_operation", unknown.err)
        attention = self.no_analysis(VIT, "--device", "loihi1",
                                     error="model.unsupported_feature", code=3)
        self.assertIn("multiplies signals", attention.err)

    def test_broken_models(self):
        cut = self.write("cut.onnx", CNN.read_bytes()[:5000])
        self.assertEqual(self.analyze(cut, code=3).out, "")
        self.assertEqual(self.analyze(self.path("none.onnx"), code=3).out, "")
        self.assertEqual(self.hone("analyze", code=2).out, "")

    def test_broken_calibrations(self):
        words = (CNN, "--threads", 1, "--calibration")
        self.no_analysis(*words, self.path("none.json"), error="io.not_found", code=3)
        self.no_analysis(*words, self.write("a.json", "{"), error="data.malformed", code=3)
        result = self.no_analysis(*words, self.write("b.json", '{"schema": 9}'),
                                  error="data.mismatch", code=3)
        self.assertIn("schema", result.err)
        self.assertIn("b.json", result.err)
        malformed = self.no_analysis(*words, self.write("c.json", "{]"), error="data.malformed",
                                     code=3)
        self.assertIn("hone calibrate", malformed.err)
        self.assertNotIn("export the model", malformed.err)
        self.no_analysis(*words, self.path("a.json"), "--limits", "header=0",
                         error="limit.size", code=4)

    PRIOR = next((ROOT / "data/calibration").glob("prior_*.json"))

    # The file is another machine's: no calibration of this one.
    def test_of_another_machine(self):
        calibration = json.loads(self.PRIOR.read_text())
        calibration["fingerprint"] = "another CPU"
        other = self.write("other.json", json.dumps(calibration))
        report = self.analyze(CNN, "--calibration", other, "--json").json()
        self.assertEqual(report["latency_s"]["confidence"], "interpolated")
        self.assertIn("another machine", " ".join(report["notes"]))
        self.assertIn("another machine", report["latency_s"]["source"])

    # Its texts reach the terminal: they are not obeyed there.
    def test_escapes_in_calibrations(self):
        calibration = json.loads(self.PRIOR.read_text())
        calibration["kernels"] = "\x1b[31mEVIL"
        result = self.no_analysis(CNN, "--calibration",
                                  self.write("evil.json", json.dumps(calibration)),
                                  error="data.mismatch", code=3)
        self.assertIn("kernels", result.err)
        self.assertNotIn("\x1b[31mEVIL", result.out + result.err)

    # Where the user's folder cannot be looked into, there is none of it.
    def test_unusable_homes(self):
        loop = self.folder / "loop"
        loop.symlink_to(loop)
        for data in (str(loop), "/" + "x" * 5000, "relative", str(CNN)):
            for device in ("host", "i7_12700k"):
                self.hone("analyze", CNN, "--device", device,
                          environment={"XDG_DATA_HOME": data, "HOME": data})


class Calibrate(EstimateTest):
    # One run for all that can be looked at afterwards: it takes seconds. A machine that is too busy
    # is told so, and nothing is written.
    def test_writes_what_analyze_takes(self):
        file, samples = self.path("machine.json"), self.path("samples.csv")
        result = self.run_any("calibrate", "--threads", 1, "--budget", 5, "--shapes", 50, "-o",
                              file, "--samples", samples, "--json", environment=self.data)
        if result.code == 5 and result.error()["code"] == "check.inconclusive":
            self.assertFalse(Path(file).exists())
            self.skipTest("the machine is too busy")
        self.assertEqual(result.code, 0, result.err)
        [calibration] = result.json()["calibrations"]
        self.assertEqual(calibration["file"], file)
        self.assertEqual(calibration["threads"], 1)
        self.assertGreater(calibration["samples"], 50)
        self.assertTrue(calibration["families"])
        # Where there is no counter of energy, it says why.
        self.assertTrue(calibration["power"] or calibration["no_power"])
        written = json.loads(Path(file).read_text())
        self.assertEqual(written["schema"], 1)
        self.assertEqual(written["threads"], 1)
        self.assertEqual(written["kernels"], calibration["kernels"])
        for family in written["families"]:
            self.assertGreaterEqual(min(family["coefficients_s"]), 0)
        lines = Path(samples).read_text().splitlines()
        self.assertIn("seconds", lines[0].split(","))
        # Whole runs, and the sums of their steps, are no samples of steps.
        steps = [line for line in lines[1:] if line.split(",")[5] not in ("run", "sum")]
        self.assertEqual(len(steps), calibration["samples"])
        self.assertFalse((self.folder / "data").exists(), "-o wrote to the user's folder too")

        report = self.analyze(CNN, "--threads", 1, "--calibration", file, "--json").json()
        self.assertEqual(report["latency_s"]["confidence"], "calibrated")
        self.assertEqual(report["uncovered"], 0)
        # Of other kernels it says less.
        written["kernels"] = "cpu 1 others"
        other = self.write("other.json", json.dumps(written))
        report = self.analyze(CNN, "--threads", 1, "--calibration", other, "--json").json()
        self.assertEqual(report["latency_s"]["confidence"], "interpolated")
        self.assertIn("cpu 1 others", " ".join(report["notes"]))
        # A wrong coefficient is found, by name.
        written["families"][0]["coefficients_s"][0] = -1
        wrong = self.write("wrong.json", json.dumps(written))
        result = self.no_analysis(CNN, "--calibration", wrong, error="data.mismatch", code=3)
        self.assertIn("coefficients_s", result.err)

    def test_users_folder(self):
        result = self.run_any("calibrate", "--threads", 1, "--budget", 5, "--shapes", 50,
                              environment=self.data)
        if result.code == 5 and "[check.inconclusive]" in result.err:
            self.skipTest("the machine is too busy")
        self.assertEqual(result.code, 0, result.err)
        files = list((self.folder / "data/hone/calibration").glob("*_t1.json"))
        self.assertEqual(len(files), 1)
        self.assertIn(f"wrote {files[0]}", result.out)
        width = json.loads(files[0].read_text())["network_half_width_log"]
        self.assertIn("whole networks that the fit has not seen: 90 % within "
                      f"{math.expm1(-width) * 100:+.0f} % and {math.expm1(width) * 100:+.0f} %"
                      if width > 0 else "whole networks: too few for a bound", result.out)
        self.assertEqual(len([line for line in result.out.splitlines() if "power" in line]), 1)
        report = self.analyze(CNN, "--threads", 1, "--json").json()
        self.assertEqual(report["latency_s"]["confidence"], "calibrated")

    def test_refusals(self):
        for words in (("--budget", "1"), ("--budget", "x"), ("--budget", "4000"),
                      ("--budget", "nan"), ("--budget", "inf"), ("--shapes", 1),
                      ("--shapes", 10001), ("--shapes", 5000), ("--budget", 5, "--threads", 1, "--shapes", 400),
                      ("--device", "rpi5"), ("--shapes", "many"),
                      ("model.onnx",), ("--source", "x"), ("--features", "f.csv"),
                      ("--calibration-models", "a"), ("--prior", "p.csv"),
                      ("--table", "t.csv", "--budget", 9), ("--table", "t.csv", "--refit", "c.json"),
                      ("--table", "t.csv", "-o", "t.csv"), ("--table", "t.csv", "--no-prior"),
                      ("--refit", "c.json", "--budget", 9, "--samples", "s", "-o", "o"),
                      ("--refit", "c.json", "--samples", "s.csv", "-o", "./s.csv")):
            self.refused("calibrate", *words, error="usage", code=2, environment=self.data)
        self.assertFalse((self.folder / "data").exists())

    # An hour of measuring would not end in this test: outputs are tried before.
    def test_outputs_are_tried_first(self):
        words = ("calibrate", "--threads", 1, "--budget", 3600)
        self.refused(*words, "-o", self.path("none/c.json"), error="io.not_found", code=3)
        self.refused(*words, "-o", self.path("c.json"), "--samples", self.path("none/s.csv"),
                     error="io.not_found", code=3)
        self.refused(*words, "-o", self.path("x"), "--samples", f"{self.folder}/./x",
                     error="usage", code=2)
        file = self.write("file", "")
        self.refused(*words, error="io.failed", code=3, environment={"XDG_DATA_HOME": file})
        result = self.refused(*words, error="usage", code=2,
                              environment={"XDG_DATA_HOME": "relative", "HOME": ""})
        self.assertIn("home", result.err)
        self.assertFalse(Path(self.path("c.json")).exists())
        self.assertFalse(Path(self.path("x")).exists())


class Validate(EstimateTest):
    def test_estimates_are_fixed_before_measuring(self):
        predictions = self.folder / "predictions.json"
        report = self.hone("validate", CNN, VIT, "--threads", 1, "--seconds", 0.1,
                           "--predictions", predictions, "--json", environment=self.data).json()
        text = predictions.read_bytes()
        self.assertEqual(report["predictions_sha256"], hashlib.sha256(text).hexdigest())
        written = json.loads(text)
        self.assertEqual([m["model"] for m in written], [str(CNN), str(VIT)])
        for model, estimate in zip(report["models"], written):
            self.assertEqual(model["estimated_s"], estimate["latency_s"])
            self.assertGreater(model["measured_s"], 0)
            self.assertEqual(model["planned_arena_bytes"], model["measured_arena_bytes"])
        self.assertEqual(report["summary"]["n"], 2)
        self.assertGreaterEqual(report["retest"], 0)
        self.assertTrue(report["baselines"])

    def test_a_bound_that_does_not_hold(self):
        result = self.hone("validate", CNN, "--threads", 1, "--seconds", 0.1, "--max-median", 0,
                           code=1, environment=self.data)
        self.assertRegex(result.out, r"^1 estimate, SHA-256 [0-9a-f]{64}\n")

    def test_refusals(self):
        self.refused("validate", error="usage", code=2, environment=self.data)
        self.refused("validate", "nothing.onnx", error="io.not_found", environment=self.data)
        for words in (("--table", "t.csv", "--energy", "e.csv"), (CNN, "--table", "t.csv"),
                      (CNN, "--energy", "e.csv"), ("--floors", "f.yaml", "--table", "t.csv"),
                      (CNN, "--prior", "p.csv"), (CNN, "--calibration-network", "kws"),
                      ("--table", "t.csv", "--seconds", 1), ("--table", "t.csv", "--calibration", "c"),
                      ("--table", "t.csv", "--calibration-models", "a,a"),
                      ("--table", "t.csv", "--calibration-models", "a,,b"),
                      (CNN, "--seconds", "nan"), (CNN, "--seconds=-5"), (CNN, "--seconds", 0),
                      (CNN, "--seconds", "inf"), (CNN, "--max-median", "nan"),
                      (CNN, "--max-median=-1"), (CNN, "--lower-floors"),
                      (CNN, "--recorded", "r.csv", "--seconds", 1),
                      (CNN, "--predictions", "p", "--steps", "./p")):
            self.refused("validate", *words, error="usage", code=2, environment=self.data)
        self.refused("validate", CNN, "--seconds", 3600, "--steps", self.path("none/s.csv"),
                     error="io.not_found", code=3, environment=self.data)


class Compare(EstimateTest):
    def test_ranks(self):
        report = self.hone("compare", CNN, VIT, "--device", "rpi5,nvidia_t4,st_stm32h743", "--json",
                           environment=self.data).json()
        results = report["results"]
        self.assertEqual(len(results), 6)
        values = [r["latency_s"]["value"] for r in results]
        self.assertEqual(values, sorted(values))
        # Within a factor of some: boards are apart from the others, networks on them are not.
        self.assertTrue(results[0]["tie"])
        self.assertEqual(results[0]["rank"], 1)
        self.assertGreater(results[-1]["rank"], 1)
        by_memory = self.hone("compare", CNN, VIT, "--device", "rpi5", "--by", "memory", "--json",
                              environment=self.data).json()["results"]
        self.assertLess(by_memory[0]["peak_memory_bytes"]["value"],
                        by_memory[1]["peak_memory_bytes"]["value"])

    def test_limits(self):
        words = ("compare", CNN, "--device", "rpi5")
        holding = self.hone(*words, "--max-latency", "1s", environment=self.data).out
        self.assertRegex(holding, r"(?m)theoretical +hold$")
        broken = self.hone(*words, "--max-latency", "1us", code=1, environment=self.data).out
        self.assertRegex(broken, r"(?m)theoretical +do not hold$")
        self.hone(*words, "--max-energy", "1uJ", code=1, environment=self.data)
        self.hone(*words, "--max-memory", "1kB", code=1, environment=self.data)
        for limit in ("1", "ms", "-1ms", "1 ms", "1min"):
            self.refused(*words, "--max-latency", limit, error="usage", code=2,
                         environment=self.data)


if __name__ == "__main__":
    unittest.main()
