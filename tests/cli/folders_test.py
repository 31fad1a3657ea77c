"""Hugging Face folders on the command line."""
import json
import os
import struct
import subprocess
import unittest

from harness import CommandTest, read_floats, write_npy

CONFIG = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 1, "n_embd": 4,
          "n_head": 2, "n_inner": 8, "n_positions": 8}
SHAPES = {"wte.weight": [6, 4], "wpe.weight": [8, 4], "h.0.attn.c_attn.weight": [4, 12],
          "h.0.attn.c_attn.bias": [12], "h.0.attn.c_proj.weight": [4, 4],
          "h.0.attn.c_proj.bias": [4], "h.0.mlp.c_fc.weight": [4, 8], "h.0.mlp.c_fc.bias": [8],
          "h.0.mlp.c_proj.weight": [8, 4], "h.0.mlp.c_proj.bias": [4],
          **{f"{norm}.{part}": [4] for norm in ("ln_f", "h.0.ln_1", "h.0.ln_2")
             for part in ("weight", "bias")}}


def safetensors(names):
    header, data = {}, b""
    for name in names:
        count = 1
        for extent in SHAPES[name]:
            count *= extent
        values = [((i * 7 + len(name)) % 11 - 5) / 8 for i in range(count)]
        begin = len(data)
        data += struct.pack(f"<{count}f", *values)
        header[f"transformer.{name}"] = {"dtype": "F32", "shape": SHAPES[name],
                                         "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Folders(CommandTest):
    def setUp(self):
        super().setUp()
        (self.folder / "gpt-0.1").mkdir()
        self.write("gpt-0.1/config.json", json.dumps(CONFIG))
        self.write("gpt-0.1/model.safetensors", safetensors(SHAPES))

    def inputs(self):
        flags = ["--bind", "pages=1"]
        given = {"tokens": [3], "positions": [0], "slots": [0], "starts": [0, 1], "lengths": [1],
                 "wanted": [0], "table": [0]}
        for name, values in given.items():
            shape = [1, 1] if name == "table" else [len(values)]
            write_npy(self.path(f"{name}.npy"), "<i8", shape,
                      struct.pack(f"<{len(values)}q", *values))
            flags += ["--input", f"{name}={self.path(name)}.npy"]
        return flags

    def run_model(self, model):
        self.hone("run", model, *self.inputs(), "-o", "out")
        return read_floats(self.path("out/output_0.npy"))

    def test_a_folder_is_a_model(self):
        facts = json.loads(self.hone("inspect", "gpt-0.1", "--json").out)
        self.assertEqual(facts["format"], "hf")
        self.assertGreater(facts["file_bytes"], (self.folder / "gpt-0.1/model.safetensors")
                           .stat().st_size)
        expected = self.run_model("gpt-0.1")
        self.assertEqual(len(expected), 6)
        self.assertEqual(self.run_model("gpt-0.1/config.json"), expected)
        self.hone("compile", "gpt-0.1/", "-o", "compiled/")
        self.assertEqual(os.listdir(self.folder / "compiled"), ["gpt-0.1.hone"])
        for got, want in zip(self.run_model("compiled/gpt-0.1.hone"), expected):
            self.assertAlmostEqual(got, want, delta=1e-4)

    def test_a_folder_becomes_a_file(self):
        expected = self.run_model("gpt-0.1")
        for to in ("f32", "f16"):
            result = self.hone("quantize", "gpt-0.1", "out.gguf", "--to", to)
            self.assertIn("no tokenizer", result.err)
            for got, want in zip(self.run_model("out.gguf"), expected, strict=True):
                self.assertAlmostEqual(got, want, delta=1e-3)
        report = json.loads(self.hone("quantize", "gpt-0.1/config.json", "--to", "f16", "--json",
                                      "--dry-run").out)
        self.assertIn("blk.0.attn_qkv.weight", [t["name"] for t in report["tensors"]])
        self.hone("quantize", "gpt-0.1", "out.hone", "--to", "f16")
        for got, want in zip(self.run_model("out.hone"), expected, strict=True):
            self.assertAlmostEqual(got, want, delta=1e-3)

    def test_importance_of_a_text(self):
        self.write("gpt-0.1/vocab.json", json.dumps({c: i for i, c in enumerate("abcdef")}))
        self.write("gpt-0.1/merges.txt", "#version: 0.2\n")
        self.write("text.txt", "abcdefabcdefabc")
        made = self.hone("quantize", "gpt-0.1", "out.gguf", "--to", "f16", "--importance", "text.txt",
                         "--save-importance", "i.safetensors")
        self.assertEqual(made.err, "")
        data = (self.folder / "i.safetensors").read_bytes()
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        self.assertEqual(header["__metadata__"], {"hone.importance": "1", "hone.tokens": "15"})
        self.assertEqual(header["blk.0.ffn_down.weight"]["shape"], [8])
        self.assertEqual(header["blk.0.attn_qkv.weight"]["shape"], [4])
        # What was saved serves as what was measured.
        self.hone("quantize", "gpt-0.1", "again.gguf", "--to", "f16", "--importance",
                  "i.safetensors")
        self.assertEqual((self.folder / "out.gguf").read_bytes(),
                         (self.folder / "again.gguf").read_bytes())
        self.refused("quantize", "gpt-0.1", "out.gguf", "--to", "f16", "--save-importance", "x",
                     error="usage", code=2)
        self.write("text.txt", "")
        self.refused("quantize", "gpt-0.1", "out.gguf", "--to", "f16", "--importance", "text.txt",
                     error="data.mismatch")

    def test_in_several_files(self):
        expected = self.run_model("gpt-0.1")
        (self.folder / "gpt-0.1/model.safetensors").unlink()
        names = sorted(SHAPES)
        self.write("gpt-0.1/a.safetensors", safetensors(names[:5]))
        self.write("gpt-0.1/b.safetensors", safetensors(names[5:]))
        self.write("gpt-0.1/model.safetensors.index.json", json.dumps({"weight_map": {
            f"transformer.{name}": "ab"[i >= 5] + ".safetensors"
            for i, name in enumerate(names)}}))
        self.assertEqual(self.run_model("gpt-0.1"), expected)

    def test_links_out_of_the_folder_are_refused(self):
        (self.folder / "linked").mkdir()
        for name in ("config.json", "model.safetensors"):
            os.symlink(f"../gpt-0.1/{name}", self.folder / "linked" / name)
        self.refused("inspect", "linked", error="io.outside_folder")

    def test_other_folders_are_refused(self):
        (self.folder / "empty").mkdir()
        self.refused("inspect", "empty", error="io.not_found")
        self.write("empty/config.json", "{}")
        self.refused("inspect", "empty", error="model.unsupported_feature")
        self.write("empty/config.json", json.dumps({"model_type": "unheard"}))
        result = self.refused("inspect", "empty", error="model.unsupported_feature")
        for known in ("bert", "clip", "gemma3", "llama", "vit"):
            self.assertIn(known, result.err)
        self.write("empty/config.json", json.dumps(CONFIG))
        self.refused("inspect", "empty", error="io.not_found")
        self.write("empty/pytorch_model.bin", b"PK")
        result = self.refused("inspect", "empty", error="model.unsupported_feature")
        self.assertIn("pytorch_model.bin", result.err)

    def test_pickled_weights(self):
        """What is told to be run is run, where its packages are at hand."""
        python = next((python for python in ("python3", "/usr/bin/python3")
                       if subprocess.run([python, "-c", "import torch, safetensors.torch"],
                                         capture_output=True).returncode == 0), None)
        for parts in (1, 2):
            name = f"pickled{parts}"
            self.write(f"{name}/config.json", json.dumps(CONFIG))
            self.pickled(python, self.folder / name, parts)
            files = sorted(os.listdir(self.folder / name))[1:]
            hints = {self.refused("inspect", name, error="model.unsupported_feature").err
                     .split("hint: ")[1]}
            hints |= {self.refused("inspect", f"{name}/{file}", error="format.unknown").err
                      .split("hint: ")[1] for file in files}
            self.assertEqual(len(hints), 1, hints)
            command = hints.pop().split("`")[1]
            self.assertTrue(command.startswith("python3 -c "), command)
            if python is None:
                continue
            subprocess.run(command.replace("python3", python, 1), shell=True, check=True,
                           cwd=self.folder / name, capture_output=True)
            for got, want in zip(self.run_model(name), self.run_model("gpt-0.1"), strict=True):
                self.assertEqual(got, want)
        if python is None:
            self.skipTest("there is no Python with torch and safetensors")

    def pickled(self, python, folder, parts):
        """The weights of gpt-0.1 as PyTorch saves them, or files that begin like those."""
        names = ["pytorch_model.bin"]
        if parts > 1:
            names = [f"pytorch_model-{i + 1:05}-of-{parts:05}.bin" for i in range(parts)]
            (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {}}')
        if python is None:
            for name in names:
                (folder / name).write_bytes(b"PK\x03\x04")
            return
        script = ("import sys, torch, safetensors.torch as s; t = s.load_file(sys.argv[1]); "
                  "k = list(t); t['lm_head.weight'] = t['transformer.wte.weight']; "
                  "[torch.save({i: t[i] for i in [*k, 'lm_head.weight'][n::len(sys.argv) - 2]}, f) "
                  "for n, f in enumerate(sys.argv[2:])]")
        subprocess.run([python, "-c", script, str(self.folder / "gpt-0.1/model.safetensors"),
                        *(str(folder / name) for name in names)], check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main()
