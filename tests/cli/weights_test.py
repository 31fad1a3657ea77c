"""Models whose weights lie in files of their own: elsewhere, absent, behind links, truncated."""
import json
import os
import shutil
import struct
import subprocess
import time
import unittest
from pathlib import Path

from harness import (CNN, CNN_DATA, HONE, ROOT, VIT, VIT_DATA, CommandTest, external_onnx,
                     message, plain_environment)

ONES = struct.pack("<32f", *[1] * 32)


class TextForm(CommandTest):
    def test_a_text_in_another_folder_runs(self):
        (self.folder / "model").mkdir()
        (self.folder / "other").mkdir()
        for model, data in ((CNN, CNN_DATA), (VIT, VIT_DATA)):
            shutil.copy(model, self.path("model/m.onnx"))
            result = self.hone("opt", "model/m.onnx", "-o", "other/m.ir")
            self.assertIn("other/m.ir.safetensors", result.err)
            (self.folder / "model/m.onnx").unlink()
            self.hone("run", "other/m.ir", "--check", data)

    def test_beside_the_model_its_weights_stay(self):
        shutil.copy(CNN, self.path("m.onnx"))
        self.hone("opt", "m.onnx", "--pipeline", "sweep", "-o", "m.ir")
        self.assertEqual(sorted(os.listdir(self.folder)), ["m.ir", "m.onnx"])
        self.hone("run", "m.ir", "--check", CNN_DATA)
        shutil.copytree(self.folder, self.path("moved/whole"))
        self.hone("run", "moved/whole/m.ir", "--check", CNN_DATA)

    def test_what_passes_made_is_written_too(self):
        shutil.copy(VIT, self.path("m.onnx"))
        self.hone("opt", "m.onnx", "-o", "m.ir")
        self.hone("run", "m.ir", "--check", VIT_DATA)
        self.hone("opt", "m.ir", "-o", "m.ir")  # over itself
        self.hone("run", "m.ir", "--check", VIT_DATA)
        self.hone("diff", "m.onnx", "m.ir", "--clean")

    def test_the_printed_text_says_what_it_leaves_out(self):
        result = self.hone("opt", VIT)
        self.assertIn("not in the text", result.err)
        self.write("brief.ir", result.out)
        shutil.copy(VIT, self.path("model.onnx"))
        refused = self.refused("run", "brief.ir", "--random", error="io.not_found")
        self.assertIn("memory", refused.err)

    def test_inspect_prints_constants_in_memory(self):
        varints = bytes([7] * 100)  # decoded while reading: no file holds the elements
        i64s = message((1, message((1, 7), (2, message((1, message((1, 100))))))))
        tensor = message((1, 100), (2, 7), (7, varints), (8, "w"))
        graph = message((1, message((1, "w"), (2, "y"), (4, "Neg"))), (2, "g"), (5, tensor),
                        (12, message((1, "y"), (2, i64s))))
        self.write("m.onnx", message((1, 8), (7, graph), (8, message((2, 17)))))
        text = self.hone("inspect", "m.onnx", "--text").out
        self.assertIn("const @w: i64[100] = {7, 7, ", text)
        self.write("elsewhere/m.ir", text)
        for model in ("m.onnx", "elsewhere/m.ir"):
            self.assertIn("-7, -7", self.hone("run", model).out)
        self.assertEqual(self.hone("inspect", "elsewhere/m.ir", "--text").out, text)


class Absent(CommandTest):
    def test_inspect_says_so(self):
        self.write("m.onnx", external_onnx("w.bin"))
        self.assertIn("absent: there is no file w.bin with 128 B of 1 constant\n",
                      self.hone("inspect", "m.onnx").out)
        report = self.hone("inspect", "m.onnx", "--json").json()
        self.assertEqual(report["missing"], [{"file": "w.bin", "constants": 1, "bytes": 128}])
        self.assertEqual(report["constants"][0]["type"], "f32[32]")
        self.write("m.ir", self.hone("inspect", "m.onnx", "--text").out)
        self.assertIn("absent", self.hone("inspect", "m.ir").out)
        self.write("w.bin", ONES)
        self.assertEqual(self.hone("inspect", "m.onnx", "--json").json()["missing"], [])
        self.hone("run", "m.ir", "--random")

    def test_what_needs_them_is_refused(self):
        self.write("m.onnx", external_onnx("w.bin"))
        self.write("m.ir", self.hone("inspect", "m.onnx", "--text").out)
        for model in ("m.onnx", "m.ir"):
            for words in (["run", model, "--random"], ["compile", model, "-o", "m.hone"]):
                result = self.refused(*words, error="io.not_found")
                self.assertIn("w.bin", result.err)
                self.assertIn("beside the model", result.err)
        self.assertIn("add(x, @w)", self.hone("opt", "m.onnx").out)

    def test_published_graphs_without_weights(self):
        corpora = os.environ.get("HONE_CORPORA", ROOT.parent / "shared/corpora")
        models = sorted(Path(corpora).glob("onnx/graph_only_*.onnx"))
        if not models:
            self.skipTest("the folder of real models is not at hand")
        for model in models:
            self.assertIn("absent", self.hone("inspect", model).out)
            self.refused("run", model, "--random", error="io.not_found")


class Links(CommandTest):
    def test_inside_the_folder(self):
        self.write("m.onnx", external_onnx("w.bin"))
        self.write("real.bin", ONES)
        os.symlink("real.bin", self.path("w.bin"))
        for words in (["inspect", "m.onnx"], ["run", "m.onnx", "--random"]):
            result = self.refused(*words, error="io.outside_folder")
            self.assertIn("--follow-links", result.err)
            self.hone(*words, "--follow-links")
            self.hone(*words, environment={"HONE_FOLLOW_LINKS": "true"})
        self.hone("diff", "m.onnx", "m.onnx", "--follow-links")
        self.hone("opt", "m.onnx", "--follow-links")

    def test_out_of_the_folder(self):
        self.write("secret", ONES)
        self.write("model/m.onnx", external_onnx("w.bin"))
        os.symlink("../secret", self.path("model/w.bin"))
        self.refused("inspect", "model/m.onnx", "--follow-links", error="io.outside_folder")
        (self.folder / "model/w.bin").unlink()
        os.link(self.path("secret"), self.path("model/w.bin"))
        self.refused("inspect", "model/m.onnx", "--follow-links", error="io.outside_folder")

    def test_the_hub_cache(self):
        self.write("blobs/1", external_onnx("w.bin"))
        self.write("blobs/2", ONES)
        (self.folder / "snapshots/main").mkdir(parents=True)
        os.symlink("../../blobs/1", self.path("snapshots/main/m.onnx"))
        os.symlink("../../blobs/2", self.path("snapshots/main/w.bin"))
        self.refused("run", "snapshots/main/m.onnx", "--random", error="io.outside_folder")
        self.hone("run", "snapshots/main/m.onnx", "--random", "--follow-links")

    def test_a_file_beside_the_model_cannot_allow_them(self):
        self.write("model/m.onnx", external_onnx("w.bin"))
        self.write("model/hone.yaml", "follow_links: true\n")
        self.refused("inspect", "model/m.onnx", error="config.invalid", code=2)


class Truncated(CommandTest):
    def stopped(self, *flags):
        """Standard error of a run whose weights are cut off under it; the exit code is 3."""
        self.write("m.onnx", external_onnx("w.bin", count=1 << 20))
        weights = self.write("w.bin", bytes(4 << 20))
        process = subprocess.Popen(
            [HONE, "run", "m.onnx", "--random", "--repeat", "1000000000", "--backend", "reference",
             *flags], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=plain_environment())
        self.addCleanup(process.kill)
        end = time.monotonic() + 60
        while "w.bin" not in Path(f"/proc/{process.pid}/maps").read_text():
            self.assertTrue(process.poll() is None and time.monotonic() < end)
            time.sleep(0.01)
        os.truncate(weights, 0)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (3, ""))
        return err

    def test_is_an_error_and_no_signal(self):
        err = self.stopped()
        self.assertIn("[io.failed]\n  hint: ", err)
        self.assertIn("truncated while it was in use", err)

    def test_as_json(self):
        self.assertEqual(json.loads(self.stopped("--json"))["error"]["code"], "io.failed")
        last = json.loads(self.stopped("--log-format", "json").splitlines()[-1])
        self.assertEqual((last["level"], last["error"]["exit_code"]), ("error", 3))


if __name__ == "__main__":
    unittest.main()
