"""Language models from outside: folders, artefacts that carry their tokenizer."""
import json
import random
import struct
import subprocess
import unittest

from harness import HONE, CommandTest, plain_environment
from tokenize_test import TOKENIZER

WIDTH, HEAD, WORDS = 64, 64, 13


def write_folder(folder, tokenizer=TOKENIZER):
    """A Llama of one layer with random weights, as published folders are."""
    folder.mkdir()
    shapes = {"model.embed_tokens.weight": [WORDS, WIDTH], "model.norm.weight": [WIDTH],
              "lm_head.weight": [WORDS, WIDTH]}
    layer = {"input_layernorm": [WIDTH], "post_attention_layernorm": [WIDTH],
             "self_attn.q_proj": [HEAD, WIDTH], "self_attn.k_proj": [HEAD, WIDTH],
             "self_attn.v_proj": [HEAD, WIDTH], "self_attn.o_proj": [WIDTH, HEAD],
             "mlp.gate_proj": [WIDTH, WIDTH], "mlp.up_proj": [WIDTH, WIDTH],
             "mlp.down_proj": [WIDTH, WIDTH]}
    shapes.update({f"model.layers.0.{name}.weight": shape for name, shape in layer.items()})
    numbers = random.Random(3)
    header, data = {}, b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        begin = len(data)
        data += struct.pack(f"<{count}f", *(numbers.gauss(0, .5) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": WIDTH,
        "intermediate_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 1,
        "num_key_value_heads": 1, "head_dim": HEAD, "vocab_size": WORDS, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 256, "tie_word_embeddings": False, "eos_token_id": 6}))
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        (folder / "tokenizer_config.json").write_text(json.dumps(
            {"eos_token": "<|end|>", "chat_template": "{{ messages[0].content }}ab"}))


class LanguageTest(CommandTest):
    def setUp(self):
        super().setUp()
        write_folder(self.folder / "model")

    def generate(self, model, *flags):
        return self.hone("generate", model, "--prompt", "ab ab", "-n", "12", "--ignore-end",
                         "--temperature", "0", "--json", *flags).json()

    def test_artefacts_carry_the_tokenizer(self):
        ids = self.hone("tokenize", "model", "--text", "ab a<|end|>").out
        text = self.generate("model")["text"]
        self.hone("compile", "model", "-o", "compiled.hone")
        self.hone("compile", "model", "-o", "portable.hone", "--portable")
        self.hone("quantize", "model", "quantized.hone", "--to", "f32")
        for artefact in ("compiled.hone", "portable.hone", "quantized.hone"):
            self.assertEqual(self.hone("tokenize", artefact, "--text", "ab a<|end|>").out, ids)
            self.assertEqual(self.generate(artefact)["text"], text)
            self.hone("inspect", artefact, "--verify")
        # The model alone is enough, and another tokenizer may be named.
        for file in (self.folder / "model").iterdir():
            file.unlink()
        self.assertEqual(self.generate("compiled.hone")["text"], text)
        other = dict(TOKENIZER, post_processor=None)
        self.write("tokenizer.json", json.dumps(other))
        self.assertEqual(self.generate("compiled.hone", "--tokenizer", "tokenizer.json")["prompt_tokens"], 2)
        self.assertEqual(self.generate("compiled.hone")["prompt_tokens"], 3)
        self.hone("compile", "portable.hone", "-o", "again.hone")
        self.assertEqual(self.generate("again.hone")["text"], text)

    def test_times_stand_on_a_line_of_their_own(self):
        for words, said in ((["generate", "model", "--prompt", "ab", "-n", "4"], b"ready in "),
                            (["chat", "model", "-n", "4"], b"prompt ")):
            # Both streams go to one file, as `hone … >log 2>&1` does.
            done = subprocess.run([HONE, *words, "--temperature", "0", "--ignore-end", "--timing"],
                                  input=b"ab\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  cwd=self.folder, env=plain_environment(), timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout)
            text, _, line = done.stdout.rstrip(b"\n").rpartition(b"\n")
            self.assertTrue(line.startswith(said), done.stdout)
            self.assertNotIn(said, text)

    def test_models_without_tokenizer(self):
        write_folder(self.folder / "bare", tokenizer=None)
        self.hone("compile", "bare", "-o", "bare.hone")
        self.refused("generate", "bare.hone", "--prompt", "a", error="io.not_found")
        self.refused("tokenize", "bare.hone", "--text", "a", error="io.not_found")

    def test_a_damaged_tokenizer(self):
        self.hone("compile", "model", "-o", "a.hone")
        data = (self.folder / "a.hone").read_bytes()
        at = data.index(b"hone tokenizer 1")
        self.write("b.hone", data[:at + 16] + b"\xff\xff\xff" + data[at + 19:])
        for command in (["generate", "b.hone", "--prompt", "a"], ["tokenize", "b.hone", "--text", "a"]):
            self.refused(*command, error="data.truncated")
        self.refused("inspect", "b.hone", "--verify", error="data.checksum")
        self.write("c.hone", data[:at + 15] + b"2" + data[at + 16:])
        self.refused("tokenize", "c.hone", "--text", "a", error="format.version")

    def test_shapes_by_name(self):
        shapes = self.hone("shapes", "--json").json()["shapes"]
        self.assertIn("llama3-1b", [s["name"] for s in shapes])
        told = self.hone("generate", "smollm-135m", "--prompt", "Hello", "-n", "2", "--json")
        self.assertEqual(told.json()["prompt_tokens"], 5)
        self.assertIn("synthetic weights in q4_0", told.json()["weights"])
        told = self.hone("generate", "smollm-135m", "--prompt", "Hello", "-n", "2")
        self.assertIn("synthetic weights in q4_0", told.err)
        self.hone("compile", "smollm-135m:q8_0", "-o", "s.hone")
        for model, weights in (("smollm-135m", "q4_0"), ("s.hone", "q8_0")):
            metadata = self.hone("inspect", model, "--json").json()["metadata"]
            self.assertIn(f"synthetic weights in {weights}", metadata["weights"])
        self.refused("inspect", "smollm-135m:q9", error="usage", code=2)
        # Where there is such a file it is meant.
        self.write("smollm-135m", b"not a model")
        self.refused("inspect", "smollm-135m", error="format.unknown")

    def test_shapes_become_files(self):
        tell = ["--prompt", "Hello", "-n", "6", "--ignore-end", "--temperature", "0.7", "--json"]
        report = self.hone("quantize", "smollm-135m:q8_0", "o.gguf", "--to", "q8_0", "--json").json()
        self.assertEqual({(t["from"], t["to"]) for t in report["tensors"]},
                         {("q8_0", "q8_0"), ("f32", "f32")})
        by_name = self.hone("generate", "smollm-135m:q8_0", *tell).json()
        by_file = self.hone("generate", "o.gguf", *tell).json()
        for key in ("tokens", "text", "prompt_tokens", "weights"):
            self.assertEqual(by_file[key], by_name[key], key)
        self.assertIn("synthetic weights in q8_0", by_file["weights"])
        # Where no format is named, weights are not those of blocks.
        flags = ["--to", "q4_k_m", "--dry-run", "--json"]
        report = self.hone("quantize", "smollm-135m", *flags).json()
        self.assertEqual({t["from"] for t in report["tensors"]}, {"f16", "f32"})
        self.hone("quantize", "smollm-135m", "o.hone", "--to", "q4_0")
        self.assertIn("blocks(q4_0)", self.hone("inspect", "o.hone", "--text").out)
        self.assertIn("synthetic weights in q4_0",
                      self.hone("inspect", "o.hone", "--json").json()["metadata"]["weights"])
        self.refused("quantize", "smollm-135m:q9", "o.gguf", "--to", "q4_0", error="usage", code=2)
        self.refused("quantize", "smollm-1", "o.gguf", "--to", "q4_0", error="io.not_found")
        self.refused("quantize", "smollm-135m", "n.gguf", "--to", "q4_0", "--limits",
                     "runtime_memory=100MB", error="limit.memory", code=4)
        self.assertFalse((self.folder / "n.gguf").exists())
        # Where there is such a file it is meant.
        self.write("smollm-135m", b"not a model")
        self.refused("quantize", "smollm-135m", "n.gguf", "--to", "q4_0", error="data.malformed")

    def test_benchmark(self):
        report = self.hone("benchmark", "model", "smollm-135m", "--prefill", "8", "--decode", "3",
                           "--depth", "5", "--rounds", "2", "--json").json()
        rows = report["results"]
        self.assertEqual([(r["model"], r["phase"], r["tokens"], r["depth"]) for r in rows],
                         [("model", "prefill", 8, 5), ("model", "decode", 3, 5),
                          ("smollm-135m", "prefill", 8, 5), ("smollm-135m", "decode", 3, 5)])
        for row in rows:
            self.assertEqual(len(row["rounds_s"]), 2)
            rates = sorted(row["tokens"] / s for s in row["rounds_s"])
            self.assertAlmostEqual(row["tokens_per_s"]["median"], sum(rates) / 2, delta=1e-6 * rates[1])
            self.assertAlmostEqual(row["best_tokens_per_s"], rates[1], delta=1e-6 * rates[1])
        self.assertIn("synthetic", rows[2]["weights"])
        table = self.hone("benchmark", "model", "--prefill", "0", "--decode", "2", "--rounds", "1").out
        self.assertIn("decode 2", table)
        self.assertNotIn("prefill", table)
        for words in (["--prefill", "0", "--decode", "0"], ["--prefill", "-1"],
                      ["--decode", "2", "--samples", "x.csv"]):
            self.refused("benchmark", "model", *words, error="usage", code=2)


if __name__ == "__main__":
    unittest.main()
