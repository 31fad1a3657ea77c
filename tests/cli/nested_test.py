"""`hone analyze` and `hone compare` of models with branches and loops."""
import unittest
from pathlib import Path

from harness import CNN, CommandTest

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "onnx"

OPEN = """hone 1
graph main(n: i64[], x: f32[64,64]) -> (last) {
  last = loop(n, _, x) <body=graph body, carried=1>
}
graph body(i: i64[], c: bool[], x: f32[64,64]) -> (go = c, y) { y = matmul(x, x) }
"""


class Nested(CommandTest):
    def setUp(self):
        super().setUp()
        self.data = {"XDG_DATA_HOME": str(self.folder / "data")}

    def analyze(self, *words):
        return self.hone("analyze", *words, "--json", environment=self.data).json()

    def test_a_lower_bound(self):
        path = self.write("open.hir", OPEN)
        for device in ("host", "rpi5"):
            report = self.analyze(path, "--device", device)
            self.assertEqual(report["macs"], 64**3)
            self.assertIsNone(report["latency_s"]["high"])
            self.assertEqual(report["latency_s"]["confidence"], "theoretical")
            self.assertEqual(report["throughput_per_s"]["low"], 0)
            self.assertIn("loop", report["uncovered_operators"])
            self.assertIn("loop", " ".join(report["notes"]))
        self.assertIn("at least", self.hone("analyze", path, environment=self.data).out)

    def test_nothing_is_surely_worse(self):
        results = self.hone("compare", self.write("open.hir", OPEN), CNN, "--device", "rpi5",
                            "--json", environment=self.data).json()["results"]
        self.assertEqual({r["rank"] for r in results}, {1})
        self.assertTrue(all(r["tie"] for r in results))

    def test_a_value_that_decides(self):
        report = self.analyze(self.write("open.hir", OPEN), "--bind", "n=6", "--device", "rpi5")
        self.assertEqual(report["macs"], 6 * 64**3)
        self.assertEqual(report["uncovered"], 0)
        self.assertIsNotNone(report["latency_s"]["high"])
        self.assertEqual([o["trips"] for o in report["operators"] if o.get("graph")], [6])

    def test_a_network_in_branches(self):
        path = CORPORA / "silero_vad.onnx"
        if not path.exists():
            self.skipTest(f"no {path}")
        report = self.analyze(path, "--device", "rpi5", "--bind", "input:1=576", "--bind",
                              "sr=16000")
        self.assertGreater(report["macs"], 5e5)
        self.assertGreater(report["memory"]["weights_bytes"], 2e6)
        self.assertEqual(report["uncovered_operators"], [])


if __name__ == "__main__":
    unittest.main()
