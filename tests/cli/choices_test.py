"""Which kernels are taken where several serve a node: measured, remembered, told."""
import re
import unittest

from harness import CommandTest, read_floats

# A convolution that can go by Winograd's way; weights are all of one number.
CONVOLUTION = """hone 1
graph main(x: f32[1,16,24,24]) -> (y) {{
  y = relu(conv(x, expand(f32{{{}}}, i64[4]{{16, 16, 3, 3}})) <pads=[1, 1, 1, 1]>)
}}
"""


class Choices(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("a.ir", CONVOLUTION.format("0.5"))
        self.write("b.ir", CONVOLUTION.format("0.25"))

    def compile(self, model, *flags, **settings):
        environment = {f"HONE_COMPILE_{key.upper()}": value for key, value in settings.items()}
        return self.hone("compile", model, "-o", "out.hone", *flags, "--json",
                         environment=environment).json()["results"][0]

    def choice(self, *words, **settings):
        choices = self.compile(*words, **settings)["choices"]
        self.assertEqual(len(choices), 1)
        self.assertEqual(choices[0]["nodes"], 1)
        return choices[0]

    def measurements(self):
        return self.hone("cache", "stats", "--json").json()["measurements"]

    def test_the_second_compilation_measures_nothing(self):
        first = self.choice("a.ir")
        self.assertEqual(first["source"], "measured")
        self.assertEqual(sorted(first["seconds"]), ["direct", "winograd"])
        second = self.choice("b.ir")  # another model with the same question
        self.assertEqual(second, {**first, "source": "remembered"})
        again = self.compile("a.ir")
        self.assertTrue(again["cached"])
        self.assertEqual(again["choices"], [first])
        self.assertEqual(self.measurements(), 1)
        self.assertIn("and 1 measurements", self.hone("cache", "clear").out)
        self.assertEqual(self.measurements(), 0)
        self.assertEqual(self.choice("a.ir")["source"], "measured")

    def test_levels_and_settings(self):
        self.assertEqual(self.choice("a.ir", "-O1")["source"], "rule")
        self.assertEqual(self.choice("a.ir", measure="never")["source"], "rule")
        self.assertEqual(self.choice("a.ir", measure="cached")["source"], "rule")
        self.assertEqual(self.measurements(), 0)
        self.assertEqual(self.choice("a.ir", measure_seconds="0")["source"], "rule")
        self.assertEqual(self.choice("b.ir", "-O3")["source"], "measured")
        for _ in range(2):  # measured in parts it would be, and is not kept
            self.assertEqual(self.choice("a.ir", measure="cached")["source"], "remembered")
        self.assertEqual(self.choice("b.ir", measure="always")["source"], "measured")
        self.assertEqual(self.choice("b.ir", "--no-cache")["source"], "measured")
        self.assertEqual(self.measurements(), 1)
        self.hone("compile", "a.ir", "-o", "out.hone", code=2,
                  environment={"HONE_COMPILE_MEASURE": "sometimes"})

    def test_the_artefact_tells(self):
        choice = self.choice("a.ir")
        self.assertEqual(self.hone("inspect", "out.hone", "--json").json()["choices"], [choice])
        out = self.hone("inspect", "out.hone").out
        self.assertIn("measured on ", out)
        self.assertIn("conv 3x3 f32[1,24,24,16] filters=16 pads=1,1,1,1", out)
        self.assertEqual(self.hone("inspect", "a.ir", "--json").json()["choices"], [])

    def test_runs_measure_nothing(self):
        self.hone("run", "a.ir", "--random")
        self.assertFalse((self.caches / "hone").exists())
        self.compile("a.ir")
        self.hone("run", "b.ir", "--random")
        self.assertEqual(self.measurements(), 1)

    def test_both_ways_agree(self):
        results = []
        self.compile("a.ir")
        lowered = self.hone("inspect", "out.hone", "--text").out
        width = re.search(r"f32\[1,\d+,144,(\d+)\]", lowered).group(1)
        for way in ("never", "always"):
            self.hone("opt", "a.ir", "-o", "out.hone",
                      f"--pipeline=fold, lower_conv(width={width}, winograd={way}), sweep")
            for threads in (1, 3):
                self.hone("run", "out.hone", "--random", "--threads", threads, "-o", "out")
                results.append(read_floats(self.path("out/output_0.npy")))
        for one, other in zip(results[::2], results[1::2]):
            self.assertEqual(one, other)  # bit for bit
        largest = max(map(abs, results[0]))
        for result in results[2:]:
            self.assertLess(max(abs(a - b) for a, b in zip(result, results[0])), 1e-4 * largest)


if __name__ == "__main__":
    unittest.main()
