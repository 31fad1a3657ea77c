"""`hone devices`: the list, the figures of a device, checks, and devices of the user."""
import re
import unittest
from pathlib import Path

from harness import CommandTest

BOARD = """schema: 1
id: my_board
name: My board
vendor: me
class: soc_gpu
aliases: [board]
cores: 8
memory: LPDDR5-6400 x128b
sources: {sheet: data sheet of my board}
fields:
  peak_fp32: {value: 1.28, unit: TFLOP/s, basis: dense, kind: derived, formula: cores * 256 * clock_boost}
  clock_boost: {value: 625, unit: MHz, kind: vendor, source: sheet, verified: true}
  memory_bandwidth: {value: 68, unit: GB/s, kind: vendor, source: sheet}
"""


class Devices(CommandTest):
    def setUp(self):
        super().setUp()
        self.data = {"XDG_DATA_HOME": str(self.folder / "data")}

    def devices(self, *words, code=0):
        return self.hone("devices", *words, code=code, environment=self.data)

    def test_list(self):
        text = self.devices().out
        self.assertTrue(text.startswith("host\n"))
        self.assertRegex(text, r"(?m)^nvidia_h100_sxm5_80gb +gpu +66.9 T +989 T +1.98 P +3.35 TB/s")
        document = self.devices("--json").json()
        self.assertEqual(document["devices"][0]["id"], "host")
        self.assertTrue(document["devices"][0]["available"])
        self.assertEqual(document["refused"], [])
        self.assertGreaterEqual(len(document["devices"]), 50)
        for device in document["devices"][1:]:
            self.assertFalse(device["available"])
            self.assertTrue(device["fields"], device["id"])
            for name, figure in device["fields"].items():
                self.assertIn(figure["kind"], ("vendor", "derived", "measured", "estimated"))
                self.assertEqual(name.startswith("peak_"), "basis" in figure)

    def test_class(self):
        text = self.devices("--class", "neuromorphic").out
        self.assertIn("intel_loihi_2", text)
        self.assertNotIn("host", text)
        self.assertNotIn("nvidia", text)
        ids = [d["id"] for d in self.devices("--class", "cpu", "--json").json()["devices"]]
        self.assertIn("host", ids)
        self.assertNotIn("intel_loihi_2", ids)
        self.refused("devices", "--class", "gpus", error="usage", code=2)
        self.refused("devices", "rpi5", "--class", "gpu", error="usage", code=2)

    def test_figures_of_a_device(self):
        text = self.devices("rpi5").out
        self.assertTrue(text.startswith("raspberry_pi_5\n"))
        self.assertRegex(text, r"(?m)^  memory_bandwidth +17\.07 GB/s +derived +verified  = 4 B \*")
        device = self.devices("loihi-1", "--json", code=2)
        self.assertEqual(device.error()["code"], "device.unknown")
        [device] = self.devices("LOIHI1", "--json").json()["devices"]
        self.assertEqual(device["id"], "intel_loihi_1")
        energy = device["fields"]["energy_per_synaptic_operation"]
        self.assertAlmostEqual(energy["value"], 23.6e-12)
        self.assertEqual(energy["unit"], "J")
        self.assertFalse(energy["verified"])
        self.assertIn("Davies", energy["source"])
        self.assertEqual(device["cores"], 128)
        self.assertIsNone(device["threads"])

    def test_host(self):
        self.assertIn("detected", self.devices("host").out)
        [host] = self.devices("host", "--json").json()["devices"]
        self.assertEqual(host["fields"]["memory_capacity"]["value"], host["memory_bytes"])

    def test_unknown_devices(self):
        result = self.refused("devices", "raspbery_pi_5", error="device.unknown", code=2)
        self.assertIn("did you mean raspberry_pi_5?", result.err)
        self.refused("devices", "none.yaml", error="io.not_found")

    def test_a_device_is_a_file(self):
        path = self.write("my_board.yaml", BOARD)
        self.assertIn("1.28 TFLOP/s", self.devices(path).out)
        self.refused("devices", "my_board", error="device.unknown", code=2)
        self.write("data/hone/hardware/my_board.yaml", BOARD)
        for name in ("my_board", "board"):
            self.assertIn("1.28 TFLOP/s", self.devices(name).out)
        self.assertIn("my_board", self.devices("--class", "soc_gpu").out)

    def test_a_broken_file_does_not_hide_the_others(self):
        self.write("data/hone/hardware/broken.yaml", "schema: 1\n")
        result = self.devices()
        self.assertIn("raspberry_pi_5", result.out)
        self.assertIn("--check", result.err)
        self.assertEqual(len(self.devices("--json").json()["refused"]), 1)
        checked = self.devices("--check", "--json", code=3).json()
        self.assertEqual(checked["refused"][0]["code"], "device.invalid")

    def test_check(self):
        self.assertRegex(self.devices("--check").out,
                         r"^devices checked: \d+; errors: 0; warnings: 0\n$")
        good = self.write("my_board.yaml", BOARD)
        self.assertEqual(self.devices("--check", good, "rpi5").out,
                         "devices checked: 2; errors: 0; warnings: 0\n")
        bad = self.write("bad/my_board.yaml", BOARD.replace("value: 68,", "value: 273,"))
        result = self.devices("--check", bad, code=1)
        self.assertIn(f"error: {bad}:13: memory_bandwidth: 273 GB/s is more than the bus allows: "
                      "LPDDR5-6400 x128b has 128 bits at 6400 MT/s, 102.4 GB/s [bandwidth]\n",
                      result.out)
        checked = self.devices("--check", good, bad, "--json", code=1).json()
        self.assertEqual((checked["devices"], checked["errors"], checked["warnings"]), (2, 1, 0))
        self.assertEqual(checked["findings"][0]["rule"], "bandwidth")
        self.assertEqual(checked["findings"][0]["line"], 13)

    def test_files_against_the_schema_are_refused(self):
        path = self.write("my_board.yaml", BOARD.replace("68, unit: GB/s", "68, unit: GFLOP/s"))
        result = self.refused("devices", "--check", path, error="device.invalid")
        self.assertIn(f"{path}:13: fields.memory_bandwidth.unit: GFLOP/s is a unit of "
                      "floating-point operations per second; expected bytes per second", result.err)
        self.refused("devices", path, error="device.invalid")
        good = self.write("good/my_board.yaml", BOARD)
        result = self.devices("--check", path, good, code=3)
        self.assertIn("devices checked: 1;", result.out)
        self.assertIn("[device.invalid]", result.err)

    def test_the_files_of_the_repository_are_those_built_in(self):
        root = Path(__file__).resolve().parent.parent.parent / "data/hardware"
        files = sorted(p.stem for p in root.rglob("*.yaml"))
        ids = sorted(d["id"] for d in self.devices("--json").json()["devices"][1:])
        self.assertEqual(ids, files)

    def test_the_page_has_every_class_figure_unit_and_rule(self):
        root = Path(__file__).resolve().parent.parent.parent
        page = (root / "docs/hardware.md").read_text()
        for name, pattern in (("device_classes.def", r"^DEVICE_CLASS\((\w+),"),
                              ("fields.def", r"^FIELD\((\w+),"),
                              ("units.def", r'^UNIT\(\w+, "([^"]+)"'),
                              ("device_check.cc", r'^    \{"(\w+)",')):
            found = re.findall(pattern, (root / "src/hardware" / name).read_text(), re.M)
            self.assertGreater(len(found), 6, name)
            for word in found:
                self.assertIn(f"`{word}`", page, f"docs/hardware.md lacks {word} of {name}")

    def test_completion(self):
        self.assertIn("nvidia_h100_sxm5_80gb", self.hone("completion", "bash").out)


if __name__ == "__main__":
    unittest.main()
