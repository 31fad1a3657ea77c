"""`hone benchmark --suite`: suites, samples that go on after a kill, and what is refused."""
import csv
import os
import signal
import subprocess
import time
import unittest

from harness import CNN, HONE, CommandTest, plain_environment

SUITE = """schema: 1
id: mine
name: Mine
seconds: 0.02
rounds: 3
threads: [1]
cases:
  - op: add
    dims: [3x5, 1000]
  - op: gemm
    dims: [5x7x9]
"""
# 0, or 5 where the machine is too noisy for a number.
DONE = (0, 5)


class SuiteTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.data = {"XDG_DATA_HOME": str(self.folder / "data")}

    def measure(self, *words, codes=DONE):
        result = self.run_any("benchmark", *words, environment=self.data)
        self.assertIn(result.code, codes, result.err + result.out)
        return result

    def rows(self, name="s.csv"):
        with open(self.path(name), newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def visits(self):
        return [(r["case"], r["round"]) for r in self.rows() if r["quantity"] == "visit"]


class Suites(SuiteTest):
    def test_what_is_built_in(self):
        listed = self.hone("benchmark", "--list-suites", "--json").json()["suites"]
        self.assertLessEqual({"operators", "streams", "quick", "zoo"}, {s["id"] for s in listed})
        for suite in listed:
            self.assertTrue(suite["cases"])
        self.assertIn("operators", self.hone("benchmark", "--list-suites").out)
        for shell in ("bash", "zsh", "fish"):
            self.assertRegex(self.hone("completion", shell).out, "operators quick streams zoo")

    def test_report_and_samples(self):
        self.write("mine.yaml", SUITE)
        report = self.measure("--suite", "mine.yaml", "--samples", "s.csv", "--json").json()
        self.assertEqual(report["suite"], "mine")
        self.assertEqual(report["visits"], 9)
        self.assertEqual([r["model"] for r in report["results"]], ["add 3x5", "add 1000", "gemm 5x7x9"])
        for r in report["results"]:
            self.assertEqual((r["engine"], r["threads"]), ("hone", 1))
            self.assertGreater(r["samples"], 2)
            self.assertLessEqual(r["disturbed"], r["samples"])
            self.assertIn(r["basis"], ("undisturbed", "cpu_time", "none"))
            if r["latency_s"] is None:
                self.assertTrue(r["noisy"])
            else:
                self.assertLessEqual(r["latency_s"]["low"], r["latency_s"]["median"])
            self.assertGreater(r["peak_memory_bytes"], 1e6)
            self.assertGreater(r["resident_memory_bytes"], 1e6)
        rows = self.rows()
        self.assertEqual({r["session"] for r in rows}, {report["session"]})
        self.assertEqual(set(self.visits()) - {(n, str(i)) for n in ("add 3x5", "add 1000", "gemm 5x7x9")
                                               for i in range(3)}, set())
        for r in rows:
            if r["quantity"] == "time_s":
                self.assertGreaterEqual(float(r["value"]), 0.9 * 3e-4)  # a sample is no shorter
                self.assertGreaterEqual(int(r["switches"]), 0)
                self.assertGreaterEqual(int(r["runs"]), 1)

    def test_models_that_are_named(self):
        self.write("mine.yaml", SUITE + f"  - model: {CNN}\n    name: cnn\n    bind: {{batch: 2}}\n")
        report = self.measure("--suite", "mine.yaml", CNN, "--rounds", 1, "--samples", "s.csv",
                              "--json").json()
        cnn, named = report["results"][-2:]
        self.assertEqual((cnn["model"], named["model"]), ("cnn", str(CNN)))
        self.assertEqual(cnn["macs"], 2 * named["macs"])

    def test_energy_is_never_guessed(self):
        self.write("mine.yaml", SUITE)
        words = ("--suite", "mine.yaml", "--rounds", 1, "--samples", "s.csv")
        report = self.measure(*words, "--json", "--energy", "none").json()
        self.assertEqual(report["energy_sensors"], [])
        self.assertTrue(all(r["energy_j"] is None for r in report["results"]))
        if not os.path.exists("/sys/class/powercap/intel-rapl:0"):
            self.assertEqual(self.measure(*words).err.count("no energy of the cpu"), 1)

    def test_the_default_file(self):
        self.write("mine.yaml", SUITE)
        report = self.measure("--suite", "mine.yaml", "--rounds", 1, "--json").json()
        self.assertTrue(report["samples"].startswith(self.path("data/hone/measurements/")))
        self.assertTrue(os.path.exists(report["samples"]))

    def test_a_model_that_is_not_there(self):
        self.write("mine.yaml", SUITE + "  - model: none.onnx\n")
        report = self.measure("--suite", "mine.yaml", "--rounds", 1, "--samples", "s.csv", "--json",
                              codes=(1,)).json()
        self.assertIn("none.onnx", report["results"][-1]["error"])
        self.assertGreater(report["results"][0]["samples"], 0)  # the others are measured


class Resume(SuiteTest):
    def test_after_a_kill(self):
        self.write("mine.yaml", SUITE.replace("0.02", "0.2").replace("rounds: 3", "rounds: 4"))
        words = ["--suite", "mine.yaml", "--samples", "s.csv", "--json"]
        process = subprocess.Popen(
            [HONE, "benchmark", *words], cwd=self.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**plain_environment(), "XDG_CACHE_HOME": str(self.caches)})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if os.path.exists(self.path("s.csv")) and len(self.visits()) >= 2:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = self.visits()
        self.assertGreaterEqual(len(before), 2)
        session = self.rows()[-1]["session"]
        # As it is when the kill comes in the middle of a line.
        text = (self.folder / "s.csv").read_text()
        with open(self.path("s.csv"), "a", encoding="utf-8") as file:
            file.write(text.splitlines()[-1][:40])
        report = self.measure(*words, "--resume").json()
        self.assertEqual(report["session"], session)
        self.assertEqual(report["resumed"], len(before))
        after = self.visits()
        self.assertEqual(after[:len(before)], before)
        self.assertEqual(len(after), len(set(after)), "nothing is measured twice")
        # All is there: nothing more is measured.
        again = self.measure(*words, "--resume").json()
        self.assertEqual(self.visits(), after)
        self.assertEqual(again["resumed"], again["visits"])
        for a, b in zip(report["results"], again["results"]):
            self.assertEqual(a["latency_s"], b["latency_s"])

    def test_more_rounds_go_on(self):
        self.write("mine.yaml", SUITE)
        words = ["--suite", "mine.yaml", "--samples", "s.csv", "--json", "--rounds"]
        first = self.measure(*words, 1).json()
        second = self.measure(*words, 2, "--resume").json()
        self.assertEqual(first["session"], second["session"])
        self.assertEqual((second["resumed"], second["visits"]), (3, 6))
        self.assertEqual(len(self.visits()), 6)

    def test_another_plan_begins_anew(self):
        self.write("mine.yaml", SUITE)
        words = ["--suite", "mine.yaml", "--samples", "s.csv", "--json", "--rounds", 1]
        first = self.measure(*words).json()
        other = self.measure(*words, "--resume", "--seconds", 0.03).json()
        self.assertNotEqual(first["session"].split("-")[1], other["session"].split("-")[1])
        self.assertEqual(other["resumed"], 0)
        self.assertIn("begins anew", self.measure(*words[:4], "--rounds", 1, "--seconds", 0.01,
                                                  "--resume").err)


class Refusals(SuiteTest):
    def test_suites(self):
        self.write("mine.yaml", SUITE.replace("rounds: 3", "rounds: many").replace("5x7x9", "5x7"))
        message = self.refused("benchmark", "--suite", "mine.yaml", error="suite.invalid").err
        self.assertIn("mine.yaml:5: rounds: expected a whole number from 1 to 1000", message)
        self.assertIn("mine.yaml:11: cases[1].dims", message)
        self.write("odd.yaml", "a: [1\n")
        self.refused("benchmark", "--suite", "odd.yaml", error="suite.invalid")
        self.refused("benchmark", "--suite", "none.yaml", error="io.not_found")
        self.assertIn("did you mean operators?", self.refused(
            "benchmark", "--suite", "operatrs", error="suite.unknown", code=2).err)

    def test_flags(self):
        self.write("mine.yaml", SUITE)
        for words in (["--suite", "mine.yaml", "--op", "add", "--dims", "3"],
                      ["--suite", "mine.yaml", "--rounds", 0], [CNN, "--resume"],
                      [CNN, "--energy", "cpu"], ["--suite", "mine.yaml", "--engines", "hne"],
                      ["--suite", "mine.yaml", "--energy", "watts"]):
            self.refused("benchmark", *words, error="usage", code=2)

    def test_files_of_samples(self):
        self.write("mine.yaml", SUITE)
        self.write("other.csv", "a,b\n1,2\n")
        words = ("benchmark", "--suite", "mine.yaml", "--samples")
        # Before anything is measured.
        self.assertIn("other.csv:1: the columns are others",
                      self.refused(*words, "other.csv", error="samples.invalid").err)
        self.assertEqual((self.folder / "other.csv").read_text(), "a,b\n1,2\n")
        self.refused(*words, "no/folder.csv", error="io.failed")
        self.refused(*words, str(self.folder), error="io.failed")
        self.hone("benchmark", CNN, "--engines", "hone", "--rounds", 1, "--seconds", 0.01,
                  "--samples", "s.csv")
        text = (self.folder / "s.csv").read_text()
        self.write("s.csv", text.replace("time_s,,0", "time_s,,x", 1))
        self.assertIn("s.csv:2, column value", self.refused(
            *words, "s.csv", "--resume", error="samples.invalid").err)


class Floors(SuiteTest):
    def floors(self, text, code, *words):
        return self.hone("validate", "--floors", self.write("f.yaml", text), *words, code=code,
                         environment=self.data)

    def test_of_calibrations(self):
        self.hone("validate", "--floors", "new.yaml", "--lower-floors", environment=self.data)
        text = (self.folder / "new.yaml").read_text()
        self.assertIn("floors hold", self.floors(text, 0).out)
        report = self.floors(text, 0, "--json").json()
        self.assertTrue(report["hold"])
        self.assertTrue(all(c["error"] <= c["floor"] for c in report["checks"]))
        low = "\n".join("      linear: 0.001" if "linear:" in line and "_" not in line else line
                        for line in text.splitlines())
        broken = self.floors(low, 1)
        self.assertRegex(broken.out, r"linear .*broken")
        self.assertIn("floors are broken", broken.out)
        # What does not hold is not written over, and floors never rise.
        self.floors(low, 1, "--lower-floors")
        self.assertEqual((self.folder / "f.yaml").read_text(), low)
        high = text.replace("linear: 0", "linear: 9")
        self.floors(high, 0, "--lower-floors")
        self.assertEqual((self.folder / "f.yaml").read_text(), text)

    def test_of_models(self):
        words = (CNN, "--threads", 1, "--seconds", 0.1)
        new = self.hone("validate", *words, "--floors", "m.yaml", "--lower-floors", "--json",
                        environment=self.data).json()
        self.assertGreater(new["floors"]["lowered"], 0)
        text = (self.folder / "m.yaml").read_text()
        self.assertIn("    models: ", text)
        for models, code in ((0, 1), (99, 0)):
            # The first one may be that of another device.
            changed = "\n".join(f"    models: {models}" if "models:" in line else line
                                for line in text.splitlines())
            report = self.floors(changed, code, *words, "--json").json()["floors"]
            check = next(c for c in report["checks"] if c["what"] == "models")
            self.assertEqual(check["holds"], code == 0)
        # Nothing is known of models with so many threads; that is said before anything is measured.
        self.refused("validate", CNN, "--threads", 3, "--seconds", 0.1, "--floors", "f.yaml",
                     error="check.inconclusive", code=5)

    def test_refusals(self):
        for text, what in (("schema: 1\n", "floors: is missing"), ("[", "f.yaml:1"),
                           ("schema: 1\nfloors: [{device: a}]\n", "floors[0].threads: is missing")):
            self.write("f.yaml", text)
            self.assertIn(what, self.refused("validate", "--floors", "f.yaml",
                                             error="floors.invalid").err)
        self.refused("validate", "--floors", "none.yaml", error="io.not_found")
        self.refused("validate", "--lower-floors", error="usage", code=2)
        self.write("f.yaml", "schema: 1\nfloors: [{device: nowhere, threads: 1}]\n")
        self.refused("validate", "--floors", "f.yaml", error="check.inconclusive", code=5)


if __name__ == "__main__":
    unittest.main()
