"""quantize on a small GGUF made here, and on real ones where they are at hand."""
import math
import os
import random
import struct
import unittest
from pathlib import Path

from harness import CNN, ROOT, CommandTest, read_floats, write_npy

F32, F16, Q4_0, Q4_K, Q6_K, Q8_0 = 0, 1, 2, 12, 14, 8


def text(value):
    value = value.encode()
    return struct.pack("<Q", len(value)) + value


def write_gguf(path, tensors, pairs=()):
    """tensors: name, extents (outermost first), floats."""
    pairs = [("general.architecture", "llama"), *pairs]
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    for key, value in pairs:
        out += text(key) + struct.pack("<I", 8) + text(value)
    offset = 0
    for name, extents, floats in tensors:
        out += text(name) + struct.pack("<I", len(extents))
        out += b"".join(struct.pack("<Q", e) for e in reversed(extents))
        out += struct.pack("<iQ", F32, offset)
        offset += -(-4 * len(floats) // 32) * 32
    out += bytes(-len(out) % 32)
    for _, _, floats in tensors:
        data = struct.pack(f"<{len(floats)}f", *floats)
        out += data + bytes(-len(data) % 32)
    Path(path).write_bytes(out)


def read_gguf(path):
    """Metadata that is text or a number, and tensors as {name: (extents, type)}."""
    data = Path(path).read_bytes()
    at = 24
    sizes = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value[0]

    def take_text():
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size:at].decode("utf-8", "replace")

    def take_value(kind):
        if kind == 8:
            return take_text()
        if kind == 9:
            element, count = take("I"), take("Q")
            return [take_value(element) for _ in range(count)]
        return take(sizes[kind])

    _, tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    metadata = {}
    for _ in range(pairs):
        key = take_text()
        metadata[key] = take_value(take("I"))
    found = {}
    for _ in range(tensors):
        name = take_text()
        extents = [take("Q") for _ in range(take("I"))][::-1]
        kind = take("i")
        take("Q")
        found[name] = (extents, kind)
    return metadata, found


class Quantize(CommandTest):
    def setUp(self):
        super().setUp()
        draw = random.Random(3)
        floats = lambda n: [draw.gauss(0, 0.05) for _ in range(n)]
        write_gguf(self.path("model.gguf"), [
            ("token_embd.weight", [8, 256], floats(8 * 256)),
            ("output_norm.weight", [256], [1.0] * 256),
            ("output.weight", [8, 256], floats(8 * 256)),
            ("blk.0.attn_q.weight", [4, 256], floats(4 * 256)),
            ("blk.0.ffn_down.weight", [4, 64], floats(4 * 64)),
        ], [("general.name", "small")])

    def test_report_and_file(self):
        out = self.hone("quantize", "model.gguf", "q4.gguf", "--to", "q4_k_s").out
        for piece in ("token_embd.weight", "f32 -> q4_k", "f32 -> q5_0 (for q4_k)", "f32 -> q6_k",
                      "bits each", "cosine"):
            self.assertIn(piece, out)
        metadata, tensors = read_gguf(self.path("q4.gguf"))
        self.assertEqual(metadata["general.name"], "small")
        self.assertEqual(metadata["general.file_type"], 14)
        self.assertEqual(tensors["token_embd.weight"], ([8, 256], Q4_K))
        self.assertEqual(tensors["output.weight"], ([8, 256], Q6_K))
        self.assertEqual(tensors["output_norm.weight"], ([256], F32))

    def test_json_has_stable_keys(self):
        report = self.hone("quantize", "model.gguf", "q8.gguf", "--to", "q8_0", "--json").json()
        for key in ("input", "output", "to", "dry_run", "files", "parameters", "bytes_before",
                    "bytes", "bits_per_weight", "tensors", "elapsed_s"):
            self.assertIn(key, report)
        self.assertEqual(report["files"], ["q8.gguf"])
        first = report["tensors"][0]
        for key in ("name", "shape", "from", "to", "bytes_before", "bytes", "bits_per_weight",
                    "weighted", "rms_error", "max_error", "relative_error", "cosine"):
            self.assertIn(key, first)
        self.assertEqual((first["from"], first["to"], first["shape"]), ("f32", "q8_0", [8, 256]))
        self.assertLess(first["relative_error"], 0.01)
        self.assertGreater(first["cosine"], 0.9999)
        self.assertEqual(report["bytes"], sum(t["bytes"] for t in report["tensors"]))

    def test_a_dry_run_writes_nothing(self):
        before = sorted(os.listdir(self.folder))
        report = self.hone("quantize", "model.gguf", "--to", "q4_k_m", "--dry-run", "--json").json()
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        self.assertNotIn("rms_error", report["tensors"][0])
        wrote = self.hone("quantize", "model.gguf", "o.gguf", "--to", "q4_k_m", "--json").json()
        self.assertEqual(wrote["bytes"], report["bytes"])

    def test_threads_and_instruction_sets_agree(self):
        files = []
        for number, (threads, instructions) in enumerate(
                [(1, "portable"), (2, "avx2"), (3, "avx512")]):
            name = f"{number}.gguf"
            self.hone("quantize", "model.gguf", name, "--to", "q4_k_m", "--threads", threads,
                      environment={"HONE_INSTRUCTION_SET": instructions})
            files.append(Path(self.path(name)).read_bytes())
        self.assertEqual(files[0], files[1])
        self.assertEqual(files[0], files[2])

    def test_choices(self):
        self.hone("quantize", "model.gguf", "o.gguf", "--to", "q4_k_m", "--keep-output",
                  "--tensor", "blk.*=q8_0", "--tensor", "token*=f16")
        _, tensors = read_gguf(self.path("o.gguf"))
        self.assertEqual([tensors[name][1] for name in
                          ("output.weight", "blk.0.attn_q.weight", "token_embd.weight")],
                         [F32, Q8_0, F16])
        self.hone("quantize", "model.gguf", "o.gguf", "--to", "q4_k_m", "--pure")
        self.assertEqual(read_gguf(self.path("o.gguf"))[1]["output.weight"][1], Q4_K)

    def test_split(self):
        self.hone("quantize", "model.gguf", "o.gguf", "--to", "q8_0", "--split-size", "3kB")
        parts = sorted(p for p in os.listdir(self.folder) if p.startswith("o-"))
        self.assertEqual(parts[0], f"o-00001-of-{len(parts):05}.gguf")
        self.hone("quantize", parts[0], "joined.gguf", "--to", "q8_0")
        self.hone("quantize", "model.gguf", "whole.gguf", "--to", "q8_0")
        self.assertEqual(Path(self.path("joined.gguf")).read_bytes(),
                         Path(self.path("whole.gguf")).read_bytes())
        os.remove(self.path(parts[-1]))
        self.hone("quantize", parts[0], "joined.gguf", "--to", "q8_0", code=3)

    def test_the_input_is_never_replaced(self):
        before = Path(self.path("model.gguf")).read_bytes()
        os.symlink("model.gguf", self.path("link.gguf"))
        for words in (("model.gguf", "model.gguf"), ("model.gguf", "link.gguf"), ("link.gguf", "./model.gguf")):
            result = self.refused("quantize", *words, "--to", "q8_0", error="usage", code=2)
            self.assertIn("would replace", result.err)
        self.assertEqual(Path(self.path("model.gguf")).read_bytes(), before)
        self.hone("quantize", "model.gguf", "o.gguf", "--to", "q8_0", "--split-size", "3kB")
        parts = {p: Path(self.path(p)).read_bytes() for p in os.listdir(self.folder) if p.startswith("o-")}
        first = min(parts)
        for words in ((first, "o.gguf", "--split-size", "3kB"), (first, max(parts))):
            self.refused("quantize", *words, "--to", "q4_0", error="usage", code=2)
        for name, content in parts.items():
            self.assertEqual(Path(self.path(name)).read_bytes(), content)

    def test_an_artefact_is_never_replaced(self):
        self.hone("compile", CNN, "-o", "m.hone", "--portable")
        before = Path(self.path("m.hone")).read_bytes()
        result = self.refused("quantize", "m.hone", "m.hone", "--to", "q4_0", error="usage", code=2)
        self.assertIn("would replace", result.err)
        self.assertEqual(Path(self.path("m.hone")).read_bytes(), before)

    def test_importance(self):
        values = [100.0] * 32 + [0.1] * 224
        header = ('{"__metadata__": {"hone.importance": "1"}, "blk.0.attn_q.weight": {"dtype": '
                  '"F32", "shape": [256], "data_offsets": [0, 1024]}}')
        self.write("i.safetensors", struct.pack("<Q", len(header)) + header.encode() +
                   struct.pack("<256f", *values))
        report = self.hone("quantize", "model.gguf", "o.gguf", "--to", "q4_k_m", "--importance",
                           "i.safetensors", "--json").json()
        self.assertEqual([t["name"] for t in report["tensors"] if t["weighted"]],
                         ["blk.0.attn_q.weight"])
        self.hone("quantize", "model.gguf", "o.gguf", "--to", "q4_k_m", "--importance",
                  "model.gguf", code=3)

    def test_artefact(self):
        self.write("m.ir", """hone 1
const @"w.weight": f32[2,64] = {%s}
graph main(x: f32[64,1]) -> (y) { y = matmul(@"w.weight", x) }
""" % ", ".join(str((i * 37 % 64 - 31) / 64) for i in range(128)))
        report = self.hone("quantize", "m.ir", "m.hone", "--to", "nf4", "--json").json()
        self.assertEqual([(t["name"], t["from"], t["to"]) for t in report["tensors"]],
                         [("w.weight", "f32", "nf4")])
        self.assertIn("blocks(nf4)", self.hone("inspect", "m.hone", "--text").out)
        self.hone("inspect", "m.hone", "--verify")
        write_npy(self.path("x.npy"), "<f4", [64, 1], struct.pack("<64f", *[1.0] * 64))
        outputs = {}
        for model in ("m.ir", "m.hone"):
            for backend in ("reference", "cpu"):
                self.hone("run", model, "--input", "x=" + self.path("x.npy"), "-o", "out",
                          "--backend", backend)
                outputs[model, backend] = read_floats(self.path("out/output_0.npy"))
        for a, b in zip(outputs["m.hone", "cpu"], outputs["m.hone", "reference"]):
            self.assertAlmostEqual(a, b, places=4)
        for a, b in zip(outputs["m.ir", "cpu"], outputs["m.hone", "cpu"]):
            self.assertAlmostEqual(a, b, delta=2)
        self.hone("quantize", "m.ir", "m.hone", "--to", "nf4", "--split-size", "1kB", code=2)

    def test_refusals(self):
        for words, code in (((), 2), (("--to", "q4_k_n"), 2), (("--to", "nf4"), 3),
                            (("--to", "q4_k_m", "--tensor", "none=q8_0"), 2),
                            (("--to", "q4_k_m", "--tensor", "x=q1"), 2),
                            (("--to", "q4_k_m", "--split-size", "0"), 2)):
            self.hone("quantize", "model.gguf", "o.gguf", *words, code=code)
        self.hone("quantize", "model.gguf", "--to", "q4_k_m", code=2)
        self.hone("quantize", "model.gguf", "o.bin", "--to", "q4_k_m", code=2)
        self.hone("quantize", "none.gguf", "o.gguf", "--to", "q4_k_m", code=3)
        data = Path(self.path("model.gguf")).read_bytes()
        self.write("cut.gguf", data[:-100])
        self.hone("quantize", "cut.gguf", "o.gguf", "--to", "q4_k_m", code=3)
        write_gguf(self.path("odd.gguf"), [("a.weight", [1, 256], [math.nan] * 256)])
        self.hone("quantize", "odd.gguf", "o.gguf", "--to", "q4_k_m", code=3)
        self.assertFalse(os.path.exists(self.path("o.gguf")))

    def test_help(self):
        text = self.hone("help", "quantize").out
        for piece in ("q4_k_m", "iq4_xs", "mxfp4_moe", "--importance", "--dry-run"):
            self.assertIn(piece, text)

    def test_real_models(self):
        corpora = os.environ.get("HONE_CORPORA", ROOT.parent / "shared/corpora")
        model = Path(corpora) / "gguf/stories260K.gguf"
        if not model.exists():
            self.skipTest(f"there is no {model}")
        for mix, recorded in (("f16", "F16"), ("q8_0", "Q8_0"), ("q4_0", "Q4_0")):
            self.hone("quantize", model, "o.gguf", "--to", mix, "--pure")
            other = model.with_name(f"stories260K-{recorded}.gguf")
            self.assertEqual(read_gguf(self.path("o.gguf"))[1], read_gguf(other)[1], mix)
            # The tensors' bytes are at the end, and are those of another tool.
            got, want = Path(self.path("o.gguf")).read_bytes(), other.read_bytes()
            size = self.hone("quantize", other, "--to", mix, "--pure", "--dry-run",
                             "--json").json()["bytes"]
            self.assertEqual(got[-size:], want[-size:], mix)
        report = self.hone("quantize", model, "o.gguf", "--to", "q4_k_m", "--json").json()
        for tensor in report["tensors"]:
            if tensor["from"] != tensor["to"]:
                self.assertLess(tensor["relative_error"], 0.12, tensor)


if __name__ == "__main__":
    unittest.main()
