"""inspect, run, compile, diff and opt on real models and on damaged ones."""
import json
import os
import re
import shutil
import struct
import unittest
from pathlib import Path

from harness import (ADD, CNN, CNN_DATA, ROOT, VIT, VIT_DATA, CommandTest, read_floats, read_npy,
                     write_floats, write_npy)

COUNTER = """hone 1
graph main(x: f32[2]) state total: f32[2] -> (y) {
  y: f32[2] = add(total, x)
  next total = y
}
"""

# Artefacts record the times that decided between kernels, which differ from one to the next.
BY_RULE = {"HONE_COMPILE_MEASURE": "never"}


class Inspect(CommandTest):
    def test_report(self):
        text = self.hone("inspect", CNN).out
        for piece in ("onnx", "image", "f32[batch,1,28,28]", "logits", "conv", "batch"):
            self.assertIn(piece, text)
        self.assertNotIn("\033", text)
        self.assertIn("\033", self.hone("inspect", CNN, "--color", "always").out)

    def test_json_has_stable_keys(self):
        report = self.hone("inspect", CNN, "--json").json()
        for key in ("model", "format", "phase", "file_bytes", "metadata", "inputs", "outputs",
                    "states", "graphs", "nodes", "operators", "parameters", "constant_bytes",
                    "encodings", "symbols", "constants"):
            self.assertIn(key, report)
        self.assertEqual(report["inputs"], [{"name": "image", "type": "f32[batch,1,28,28]",
                                             "dtype": "f32", "shape": ["batch", 1, 28, 28]}])
        self.assertEqual(report["file_bytes"], os.path.getsize(CNN))
        self.assertEqual(sum(report["operators"].values()), report["nodes"])

    def test_text_reads_back(self):
        shutil.copy(CNN, self.path("model.onnx"))
        text = self.hone("inspect", "model.onnx", "--text").out
        self.write("model.ir", text)
        self.assertEqual(self.hone("inspect", "model.ir", "--text").out, text)
        self.hone("diff", "model.onnx", "model.ir")
        self.hone("run", "model.ir", "--check", CNN_DATA)

    def test_text_as_json(self):
        self.assertEqual(self.hone("inspect", CNN, "--text", "--json").json()["text"],
                         self.hone("inspect", CNN, "--text").out)

    def test_states(self):
        self.write("counter.ir", COUNTER)
        self.assertIn("total", self.hone("inspect", "counter.ir").out)
        self.assertEqual(len(self.hone("inspect", "counter.ir", "--json").json()["states"]), 1)

    def test_names_are_escaped(self):
        self.write("a.ir", 'hone 1\ngraph main("a\\x1b[31m": f32[1]) -> (y) {\n'
                           '  y: f32[1] = neg("a\\x1b[31m")\n}\n')
        for flags in ([], ["--text"], ["--json"]):
            self.assertNotIn("\033", self.hone("inspect", "a.ir", *flags).out)
        self.assertNotIn("\033", self.hone("inspect", "\033[31m.onnx", code=3).err)


class Run(CommandTest):
    def test_zoo(self):
        for model, data in ((CNN, CNN_DATA), (VIT, VIT_DATA)):
            self.assertIn("passed", self.hone("run", model, "--check", data).out)
            self.hone("run", model, "--check", data, "--no-clean", "--backend", "reference")
            self.hone("run", model, "--check", Path(data).parent)

    def test_check_reports_the_error(self):
        report = self.hone("run", CNN, "--check", CNN_DATA, "--json").json()
        check = report["checks"][0]
        self.assertTrue(check["passed"])
        self.assertLess(check["outputs"][0]["largest_absolute_error"], 1e-4)
        self.assertEqual([o["name"] for o in report["outputs"]], ["logits"])

    def test_check_that_does_not_hold(self):
        self.hone("run", CNN, "--check", CNN_DATA, "--rtol", "0", "--atol", "0", code=1)
        report = self.hone("run", CNN, "--check", CNN_DATA, "--rtol", "0", "--atol", "0", "--json",
                           code=1).json()
        self.assertFalse(report["checks"][0]["passed"])

    def test_check_folders_of_arrays(self):
        self.write("a.ir", ADD)
        for good in (True, False):
            folder = self.folder / f"good_{good}"
            folder.mkdir()
            write_floats(folder / "input_x.npy", [2, 2], [1, 2, 3, 4])
            write_floats(folder / "input_1.npy", [3], [1, float("nan"), -1])
            write_floats(folder / "output_y.npy", [2, 2], [2, 3, 4, 5 if good else 6])
            write_floats(folder / "output_z.npy", [3], [-1, float("nan"), 1])
        self.hone("run", "a.ir", "--check", "good_True")
        self.hone("run", "a.ir", "--check", "good_False", code=1)
        self.hone("run", "a.ir", "--check", "good_True", "--check", "good_False", code=1)
        out = self.hone("run", "a.ir", "--check", "good_True", "good_False", code=1).out
        self.assertIn("1 of 2 folders passed", out)
        self.refused("run", "a.ir", "--check", "nothing", error="io.not_found")
        (self.folder / "empty").mkdir()
        self.refused("run", "a.ir", "--check", "empty", error="data.mismatch")

    def test_inputs_by_name_and_position(self):
        self.write("a.ir", ADD)
        write_floats(self.path("x.npy"), [2, 2], [1, 2, 3, 4])
        write_floats(self.path("n.npy"), [3], [1, 2, 3])
        for first, second in (("x=x.npy", "odd=name=n.npy"), ("0=x.npy", "1=n.npy")):
            shutil.rmtree(self.path("out"), ignore_errors=True)
            report = self.hone("run", "a.ir", "--input", first, "--input", second, "-o", "out",
                               "--json").json()
            self.assertEqual([(o["name"], o["dtype"], o["shape"]) for o in report["outputs"]],
                             [("y", "f32", [2, 2]), ("z", "f32", [3])])
            self.assertEqual(read_floats(self.path("out/output_0.npy")), [2, 3, 4, 5])
            self.assertEqual(read_floats(self.folder / report["outputs"][1]["file"]), [-1, -2, -3])
        self.refused("run", "a.ir", "--input", "x=x.npy", "--input", "0=x.npy", error="usage",
                     code=2)

    def test_arrays_in_other_orders(self):
        self.write("a.ir", ADD)
        write_npy(self.path("big.npy"), ">f4", [2, 2], struct.pack(">4f", 1, 2, 3, 4))
        write_floats(self.path("x.npy"), [2, 2], [1, 3, 2, 4])
        data = Path(self.path("x.npy")).read_bytes()
        self.write("fortran.npy", data.replace(b"'fortran_order': False", b"'fortran_order': True "))
        for file in ("big.npy", "fortran.npy"):
            self.hone("run", "a.ir", "--input", "x=" + file, "--random", "-o", "out")
            self.assertEqual(read_floats(self.path("out/output_0.npy")), [2, 3, 4, 5])

    def test_wrong_inputs(self):
        self.write("a.ir", ADD)
        write_floats(self.path("shape.npy"), [4], [1, 2, 3, 4])
        write_npy(self.path("dtype.npy"), "<f8", [2, 2], struct.pack("<4d", 1, 2, 3, 4))
        self.write("short.npy", Path(self.path("shape.npy")).read_bytes()[:-3])
        self.write("text.npy", "hello")
        self.refused("run", "a.ir", "--random", "--input", "x=shape.npy", error="data.mismatch")
        self.refused("run", "a.ir", "--random", "--input", "x=dtype.npy", error="data.mismatch")
        self.refused("run", "a.ir", "--random", "--input", "x=short.npy", error="data.truncated")
        self.refused("run", "a.ir", "--random", "--input", "x=text.npy", error="data.malformed")
        self.refused("run", "a.ir", "--random", "--input", "x=none.npy", error="io.not_found")

    def test_files_that_are_no_tensors(self):
        self.write("a.ir", ADD)
        self.write("x.npz", b"PK\x03\x04" + bytes(100))
        self.write("x.jpg", b"\xff\xd8\xff" + bytes(100))
        write_npy(self.path("object.npy"), "|O", [2], bytes(16))
        for file, error in (("x.npz", "data.mismatch"), ("x.jpg", "data.mismatch"),
                            ("object.npy", "model.unsupported_feature")):
            result = self.refused("run", "a.ir", "--random", "--input", "x=" + file, error=error)
            self.assertIn("numpy.save", result.err)

    def test_bound_sizes_are_those_of_the_inputs(self):
        self.write("a.ir", ADD)
        write_floats(self.path("n.npy"), [3], [1, 2, 3])
        words = ["run", "a.ir", "--random", "--input", "1=n.npy"]
        self.hone(*words)
        self.hone(*words, "--bind", "N=3")
        self.refused(*words, "--bind", "N=4", error="data.mismatch")

    def test_the_hint_of_a_limit_names_the_limit(self):
        result = self.refused("run", CNN, "--random", "--limits", "runtime_memory=1kB",
                              error="limit.memory", code=4)
        self.assertIn("runtime_memory=SIZE", result.err)

    def test_random_inputs_repeat(self):
        def outputs(*flags):
            self.hone("run", CNN, "--random", "-o", "out", *flags)
            return read_npy(self.path("out/output_0.npy"))
        first = outputs("--seed", "1", "--bind", "batch=3")
        self.assertEqual(first[1], [3, 10])
        self.assertEqual(outputs("--seed", "1", "--bind", "batch=3"), first)
        self.assertNotEqual(outputs("--seed", "2", "--bind", "batch=3"), first)
        self.assertEqual(outputs("--seed", "1", "--bind", "batch=3", "--threads", "1"), first)

    def test_repeat_and_profile(self):
        self.assertRegex(self.hone("run", CNN, "--random", "--repeat", "3").out,
                         r"latency  median .* over 3 runs")
        report = self.hone("run", CNN, "--random", "--repeat", "3", "--json", "--profile",
                           "trace.json").json()
        latency = report["latency_s"]
        self.assertEqual(latency["n"], 3)
        self.assertLessEqual(latency["low"], latency["median"])
        self.assertLessEqual(latency["median"], latency["high"])
        self.assertEqual(report["planned_arena_bytes"], report["measured_arena_bytes"])
        events = json.loads(Path(self.path("trace.json")).read_text())["traceEvents"]
        self.assertIn("conv", json.dumps(events))

    def test_files_that_are_no_models_are_named(self):
        for content, kind in ((b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
                              (b"<!DOCTYPE html><html></html>", "markup"), (b"\x89PNG\r\n", "PNG"),
                              (b"\x1f\x8b\x08\x00", "gzip"),
                              (b"PK\x03\x04", "PyTorch"), (b"a note\n", "a text")):
            self.write("x.onnx", content)
            result = self.refused("inspect", "x.onnx", error="format.unknown")
            self.assertIn(kind, result.err)
            self.assertIn("onnx (", result.err)

    def test_checks_go_on_after_a_folder_that_cannot_be_checked(self):
        self.write("m.ir", "hone 1\ngraph g(x: f32[2]) -> (y) { y = neg(x) }\n")
        self.hone("run", "m.ir", "--random", "-o", "a")
        shutil.copy(self.path("a/output_0.npy"), self.path("a/input_0.npy"))
        shutil.copytree(self.path("a"), self.path("b"))
        self.write("b/output_nope.npy", Path(self.path("a/input_0.npy")).read_bytes())
        result = self.run_any("run", "m.ir", "--check", "b", "a", "--json")
        self.assertEqual(result.code, 3)
        first, second = result.json()["checks"]
        self.assertIn("'nope', which the model has not", first["error"]["message"])
        self.assertIn("y", first["error"]["hint"])
        self.assertFalse(second["passed"])  # -x is not x
        self.assertNotIn("error", second)

    def test_a_trace_replaces_no_input(self):
        self.write("m.ir", "hone 1\ngraph g(x: f32[2]) -> (y) { y = neg(x) }\n")
        self.hone("run", "m.ir", "--random", "-o", "out")
        os.rename(self.path("out/output_0.npy"), self.path("x.npy"))
        for target in ("m.ir", "x.npy", "./x.npy"):
            result = self.refused("run", "m.ir", "--input", "x=x.npy", "--profile", target,
                                  error="usage", code=2)
            self.assertIn("would overwrite", result.err)
        self.assertEqual(read_npy(self.path("x.npy"))[1], [2])

    def test_unknown_backend(self):
        result = self.refused("run", CNN, "--random", "--backend", "refrence", error="usage", code=2)
        for piece in ("auto|cpu|reference", "did you mean reference?"):
            self.assertIn(piece, result.err)
        for name in self.hone("backends", "--json").json()["backends"]:
            self.assertIn(name["name"], result.err)
        result = self.refused("run", "none.onnx", "--backend", "zzz", error="usage", code=2)
        self.assertIn("auto|cpu|reference", result.err)

    def test_the_hint_of_limit_time_names_a_limit_that_works(self):
        self.write("sum.ir", """hone 1
graph body(i: i64[], go: bool[], x: f32[]) -> (again = identity(go), more = add(x, f32{1})) {}
graph main(x: f32[]) -> (y = loop(i64{5}, bool{1}, x) <body=graph body, carried=1>) {}
entry main
""")
        result = self.refused("run", "sum.ir", "--random", "--limits", "iterations=4",
                              error="limit.time", code=4)
        self.assertIn("--limits iterations=N", result.err)
        self.hone("run", "sum.ir", "--random", "--limits", "iterations=5")
        self.refused("run", "sum.ir", "--random", "--limits", "time=5s", error="usage", code=2)


class Compile(CommandTest):
    def test_round_trip(self):
        for model, data in ((CNN, CNN_DATA), (VIT, VIT_DATA)):
            self.hone("compile", model, "-o", "same.hone", "-O0", "--portable")
            self.assertEqual(self.hone("diff", model, "same.hone").out, "equal\n")
            self.hone("compile", "same.hone", "-o", "again.hone", "-O0", "--portable")
            self.assertEqual(Path(self.path("same.hone")).read_bytes(),
                             Path(self.path("again.hone")).read_bytes())
            for kind in ([], ["--portable"]):
                self.hone("compile", model, "-o", "clean.hone", *kind)
                self.hone("run", "clean.hone", "--check", data)
                self.hone("inspect", "clean.hone", "--verify")

    def test_compiled_for_these_kernels(self):
        self.hone("compile", CNN, "-o", "portable.hone", "--portable")
        compiled = self.hone("compile", CNN, "-o", "a.hone", "--json").json()["results"][0]
        self.assertEqual(compiled["kind"], "compiled")
        facts = self.hone("inspect", "a.hone", "--json").json()
        self.assertEqual((facts["phase"], facts["target"]), ("lower", compiled["target"]))
        metadata = self.metadata("a.hone")
        self.assertEqual(metadata["hone.kind"], "compiled")
        self.assertEqual(facts["metadata"]["portable_sha256"],
                         self.metadata("portable.hone")["hone.sha256"])
        # The packed weights are in the place of the others.
        self.assertLess(os.path.getsize(self.path("a.hone")),
                        2 * os.path.getsize(self.path("portable.hone")))
        for level in "01":
            self.refused("compile", "a.hone", "-o", "b.hone", "-O", level, error="usage", code=2)

    def test_compiled_for_other_kernels(self):
        self.hone("compile", CNN, "-o", "a.hone")
        text = self.hone("inspect", "a.hone", "--text").out
        target = re.search('target "(.*)"', text)[1]
        # The same graph, for kernels that no machine has.
        other = self.lowered_text().replace("here", "cpu 0 none")
        self.write("other.ir", other)
        result = self.refused("run", "other.ir", "--random", error="backend.unavailable")
        self.assertIn("cpu 0 none", result.err)
        self.assertIn(target, result.err)
        self.hone("run", "other.ir", "--random", "--backend", "reference")
        self.hone("inspect", "other.ir")
        self.write("here.ir", self.lowered_text().replace("here", target))
        self.hone("run", "here.ir", "--random")

    def metadata(self, name):
        data = Path(self.path(name)).read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        return json.loads(data[8:8 + size])["__metadata__"]

    @staticmethod
    def lowered_text():
        return """hone 1
phase lower
target "here"
graph main(x: f32[2]) -> (y) {
  y = neg(x)
}
"""

    def test_text_of_an_artefact_reads_back(self):
        self.hone("compile", CNN, "-o", "a.hone")
        text = self.hone("inspect", "a.hone", "--text").out
        self.write("a.ir", text)
        self.assertEqual(self.hone("inspect", "a.ir", "--text").out, text)

    def test_is_a_safetensors_file(self):
        self.hone("compile", CNN, "-o", "a.hone", "--portable")
        data = Path(self.path("a.hone")).read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        metadata = header.pop("__metadata__")
        self.assertEqual(metadata["hone.version"], "1")
        self.assertEqual(metadata["hone.kind"], "portable")
        self.assertTrue(metadata["hone.text"].startswith("hone 1\n"))
        self.assertEqual(max(t["data_offsets"][1] for t in header.values()),
                         len(data) - 8 - size)

    def test_several_models(self):
        report = self.hone("compile", CNN, VIT, "-o", "out", "--json", code=2)
        self.assertEqual(report.error()["code"], "usage")  # both are called model
        shutil.copy(CNN, self.path("a.onnx"))
        shutil.copy(VIT, self.path("b.onnx"))
        results = self.hone("compile", "a.onnx", "b.onnx", "-o", "out", "--json").json()["results"]
        self.assertEqual([r["output"] for r in results], ["out/a.hone", "out/b.hone"])
        for r in results:
            self.assertEqual(os.path.getsize(self.path(r["output"])), r["bytes"])

    def test_one_that_fails_does_not_stop_the_others(self):
        shutil.copy(CNN, self.path("a.onnx"))
        self.write("bad.onnx", b"\x08\x08\x3a\xff")
        shutil.copy(VIT, self.path("z.onnx"))
        words = ["compile", "a.onnx", "bad.onnx", "none.onnx", "z.onnx", "-o", "out/"]
        result = self.hone(*words, code=3)
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["a.hone", "z.hone"])
        self.assertRegex(result.out, r"(?m)^2 of 4 models compiled in .* an hour; process at most ")
        for piece in ("[data.truncated]", "bad.onnx", "[io.not_found]", "none.onnx"):
            self.assertIn(piece, result.err)
        result = self.hone(*words, "--json", code=3)
        self.assertEqual(result.err, "")
        report = result.json()
        self.assertEqual([r["status"] for r in report["results"]],
                         ["compiled", "failed", "failed", "compiled"])
        self.assertEqual([r["error"]["code"] for r in report["results"] if "error" in r],
                         ["data.truncated", "io.not_found"])
        self.assertEqual((report["compiled"], report["failed"]), (2, 2))

    def test_the_first_failure_decides_the_exit_code(self):
        self.write("a.ir", ADD)
        self.write("b.ir", ADD + "//" + " " * 2000 + "\n")
        limit = ["--limits", "header=1kB"]
        self.hone("compile", "a.ir", "b.ir", "none.ir", "-o", "out", *limit, code=4)
        self.hone("compile", "a.ir", "none.ir", "b.ir", "-o", "out", *limit, code=3)

    def test_damage_is_found(self):
        self.hone("compile", CNN, "-o", "a.hone")
        good = Path(self.path("a.hone")).read_bytes()
        text = good.index(b"hone.text")
        flipped = bytearray(good)
        flipped[-1] ^= 1
        self.write("data.hone", bytes(flipped))
        self.hone("inspect", "data.hone")  # reading all the bytes is not the default
        self.refused("inspect", "data.hone", "--verify", error="data.checksum")
        # A new artefact would vouch for what the old one does not.
        self.refused("compile", "data.hone", "-o", "again.hone", error="data.checksum")
        self.assertFalse(os.path.exists(self.path("again.hone")))
        for at in (*range(12), *range(12, text + 400, (text + 400) // 40)):
            flipped = bytearray(good)
            flipped[at] ^= 1
            self.write("flipped.hone", bytes(flipped))
            self.assertIn(self.run_any("inspect", "flipped.hone").code, (3, 4), at)
        for size in (0, 7, 8, 100, len(good) // 2, len(good) - 1):
            self.write("short.hone", good[:size])
            self.hone("inspect", "short.hone", code=3)
        self.refused("inspect", CNN, "--verify", error="check.inconclusive", code=5)

    def test_several_at_a_time(self):
        models = []
        for i in range(6):
            models.append(f"{i}.onnx")
            shutil.copy((CNN, VIT)[i % 2], self.path(models[-1]))
        self.write("bad.onnx", b"\x08\x08\x3a\xff")
        for jobs in (0, 1, 3, 16):
            report = self.hone("compile", *models, "bad.onnx", "-o", f"out{jobs}", "--jobs", jobs,
                               "--no-cache", "--json", code=3, environment=BY_RULE).json()
            self.assertEqual([r["model"] for r in report["results"]], [*models, "bad.onnx"])
            self.assertEqual((report["compiled"], report["failed"]), (6, 1))
            self.assertGreater(report["models_per_hour"], 0)
            self.assertGreater(report["peak_memory_bytes"], 0)
            for i in range(6):
                self.assertEqual(Path(self.path(f"out{jobs}/{i}.hone")).read_bytes(),
                                 Path(self.path(f"out0/{i % 2}.hone")).read_bytes())
        for jobs in (-1, 5000, "many"):
            self.refused("compile", *models, "-o", "out", "--jobs", jobs, error="usage", code=2)

    def test_nothing_is_left_behind(self):
        self.refused("compile", CNN, "-o", "no/such/folder/a.hone", error="io.not_found")
        self.refused("compile", "none.onnx", "-o", "a.hone", error="io.not_found")
        self.assertEqual(os.listdir(self.folder), [])


class ArtefactCache(CommandTest):
    def compile(self, model=CNN, *flags, out="a.hone"):
        return self.hone("compile", model, "-o", out, *flags, "--json",
                         environment=BY_RULE).json()["results"][0]

    def stats(self):
        return self.hone("cache", "stats", "--json").json()

    def test_what_was_compiled_comes_from_the_cache(self):
        self.assertFalse(self.compile()["cached"])
        first = Path(self.path("a.hone")).read_bytes()
        again = self.compile(out="b.hone")
        self.assertTrue(again["cached"])
        self.assertEqual(Path(self.path("b.hone")).read_bytes(), first)
        self.assertEqual(again["nodes_after"], self.compile()["nodes_after"])
        # The same model from another file; not in another way.
        self.compile(CNN, "--portable", "-O0", out="same.hone")
        self.assertTrue(self.compile(self.path("same.hone"), out="c.hone")["cached"])
        self.assertFalse(self.compile(CNN, "--portable", out="d.hone")["cached"])
        self.assertFalse(self.compile(CNN, "-O0", out="e.hone")["cached"])
        self.assertFalse(self.compile(VIT, out="f.hone")["cached"])
        self.assertFalse(self.compile(CNN, "--no-cache")["cached"])
        stats = self.stats()
        self.assertEqual((stats["artefacts"], stats["hits"], stats["misses"]), (5, 3, 5))
        self.assertEqual(stats["folder"], str(self.caches / "hone"))
        self.assertIn(", from the cache",
                      self.hone("compile", CNN, "-o", "a.hone", environment=BY_RULE).out)

    def test_clear(self):
        self.compile()
        removed = self.hone("cache", "clear", "--json").json()
        self.assertEqual(removed["removed_artefacts"], 1)
        self.assertIn("removed_measurements", removed)
        self.assertEqual(self.stats()["artefacts"], 0)
        self.assertFalse(self.compile()["cached"])
        self.assertIn("1 artefacts removed", self.hone("cache", "clear").out)
        self.refused("cache", "stat", error="usage", code=2)

    def test_damage_is_not_handed_out(self):
        self.compile()
        first = Path(self.path("a.hone")).read_bytes()
        for kept in (self.caches / "hone/objects").iterdir():
            kept.write_bytes(bytes([first[0] ^ 1]) + first[1:])
        self.assertFalse(self.compile()["cached"])
        self.assertEqual(Path(self.path("a.hone")).read_bytes(), first)
        self.assertTrue(self.compile()["cached"])

    def test_a_folder_that_cannot_be_is_told(self):
        self.write("file", "")
        result = self.hone("compile", CNN, "-o", "a.hone",
                           environment={"HONE_CACHE_DIR": self.path("file/cache")})
        self.assertIn("the cache cannot be used", result.err)
        self.hone("run", "a.hone", "--check", CNN_DATA)
        self.refused("cache", "stats", error="io.failed",
                     environment={"HONE_CACHE_DIR": self.path("file/cache")})

    def test_the_size_is_bounded(self):
        size = {"HONE_CACHE_MAX_BYTES": "600kB"}
        for flags in ([], ["-O0"], ["--portable"], ["--portable", "-O0"]):
            self.hone("compile", CNN, "-o", "a.hone", *flags, environment=size)
        kept = list((self.caches / "hone/objects").iterdir())
        self.assertIn(len(kept), (1, 2, 3))
        self.assertLessEqual(sum(k.stat().st_size for k in kept), 600_000)


class Diff(CommandTest):
    def test_graphs(self):
        self.write("a.ir", ADD)
        self.write("b.ir", ADD.replace("neg(", "abs("))
        self.assertEqual(self.hone("diff", "a.ir", "a.ir").out, "equal\n")
        out = self.hone("diff", "a.ir", "b.ir", code=1).out
        self.assertRegex(out, r"(?m)^-.*neg\(")
        self.assertRegex(out, r"(?m)^\+.*abs\(")
        self.assertFalse(self.hone("diff", "a.ir", "b.ir", "--json", code=1).json()["equal"])

    def test_the_examples_hold(self):
        first = next(line for line in self.hone("help", "diff").out.splitlines() if "$ hone" in line)
        for model in (CNN, VIT):
            shutil.copy(model, self.path("model.onnx"))
            self.hone("compile", "model.onnx", "-o", "model.hone", "--portable")
            self.assertEqual(self.hone(*first.split()[2:]).out, "equal\n")
        self.hone("diff", "model.onnx", "model.hone", code=1)  # cleaning changes the graph

    def test_phases(self):
        self.hone("compile", CNN, "-o", "a.hone", "--portable")
        self.hone("diff", CNN, "a.hone")
        self.assertIn("-phase import", self.hone("diff", CNN, "a.hone", "--phase", code=1).out)
        self.hone("diff", CNN, "a.hone", "--phase", "--clean")

    def test_clean_does_not_hide_differences(self):
        self.write("a.ir", ADD)
        self.write("b.ir", ADD.replace("f32{1}", "f32{2}"))
        self.hone("diff", "a.ir", "b.ir", "--clean", code=1)

    def test_constants(self):
        self.hone("compile", CNN, "-o", "a.hone", "-O0", "--portable")
        data = bytearray(Path(self.path("a.hone")).read_bytes())
        data[-2] ^= 1
        self.write("b.hone", bytes(data))
        report = self.hone("diff", "a.hone", "b.hone", "--json", code=1).json()
        self.assertEqual(len(report["constants"]), 1)
        self.assertIn("1 of", self.hone("diff", "a.hone", "b.hone", code=1).out)


class Opt(CommandTest):
    def test_pipelines(self):
        text = self.hone("opt", VIT, "--pipeline=sweep, fold").out
        self.assertTrue(text.startswith("hone 1\n"))
        self.hone("opt", VIT, "--check-numerics", "--verify", "-o", "a.hone")
        self.hone("run", "a.hone", "--check", VIT_DATA)
        passes = [p["pass"] for p in self.hone("opt", VIT, "--json").json()["passes"]]
        self.assertIn("fold", passes)
        less = self.hone("opt", VIT, "--json", "--disable", "fold").json()["passes"]
        self.assertNotIn("fold", [p["pass"] for p in less])

    def test_print_after(self):
        err = self.hone("opt", VIT, "--print-after=fold").err
        self.assertIn("// after fold\n", err)
        self.assertNotIn("// after merge\n", err)
        self.assertIn("// after canonicalize\n", self.hone("opt", VIT, "--print-after").err)

    def test_what_was_asked_for_is_answered(self):
        self.write("a.ir", ADD)
        self.assertIn("changed nothing", self.hone("opt", "a.ir", "--print-after=fold").err)
        self.assertIn("the same", self.hone("opt", "a.ir", "--check-numerics").err)

    def test_the_model_is_not_overwritten(self):
        shutil.copy(CNN, self.path("model.onnx"))
        for verb in ("compile", "opt"):
            self.refused(verb, "model.onnx", "-o", "model.onnx", error="usage", code=2)
        self.assertEqual(Path(self.path("model.onnx")).read_bytes(), CNN.read_bytes())

    def test_stop_after_edits(self):
        for n in (0, 3):
            result = self.hone("opt", VIT, "--stop-after-edits", n, "--json").json()
            self.assertEqual(len(result["edits"]), n)

    def test_wrong_pipelines(self):
        for pipeline in ("nothing", "repeat(", "fold,,sweep", "fold(x=1)"):
            self.assertIn(self.run_any("opt", VIT, "--pipeline", pipeline).code, (2, 3), pipeline)


class Broken(CommandTest):
    def test_files_of_no_format(self):
        self.write("garbage.bin", b"\xff\xfe" * 5000)
        self.write("empty.onnx", b"")
        self.write("text.txt", "hello\n")
        self.refused("inspect", "garbage.bin", error="format.unknown")
        self.refused("inspect", "text.txt", error="format.unknown")
        self.refused("inspect", "empty.onnx", error="data.truncated")
        self.refused("inspect", "none.onnx", error="io.not_found")
        self.refused("inspect", ".", error="io.not_found")
        self.refused("inspect", ROOT / "zoo/digits_cnn/model.safetensors", error="format.unknown")
        os.mkfifo(self.path("pipe"))
        self.refused("inspect", "pipe", error="io.not_regular")

    def test_truncated_model(self):
        data = CNN.read_bytes()
        for size in range(1, len(data), len(data) // 20):
            self.write("short.onnx", data[:size])
            self.assertEqual(self.run_any("inspect", "short.onnx").code, 3, size)

    def test_damaged_model(self):
        data = CNN.read_bytes()
        for at in range(0, 4000, 131):
            damaged = bytearray(data)
            damaged[at] ^= 0x55
            self.write("damaged.onnx", bytes(damaged))
            self.assertIn(self.run_any("run", "damaged.onnx", "--random").code, (0, 2, 3, 4), at)

    def test_wrong_text(self):
        self.write("a.ir", ADD.replace("add(", "addd("))
        result = self.hone("inspect", "a.ir", code=3)
        self.assertIn("addd", result.err)


if __name__ == "__main__":
    unittest.main()
