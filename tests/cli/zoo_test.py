"""The language models of the zoo: what hone computes is what their cards and test data say."""
import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from harness import ROOT, CommandTest

ZOO = ROOT / "zoo"
sys.path.insert(0, str(ZOO))
sys.dont_write_bytecode = True
import bpe  # noqa: E402
import wordpiece  # noqa: E402

LLAMA, GPT2, BERT = (ZOO / f"verses_{name}" for name in ("llama", "gpt2", "bert"))
F16, Q8_0 = LLAMA / "model-f16.gguf", LLAMA / "model-q8_0.gguf"
HELD_OUT = ZOO / "data/verses_heldout.txt"
PROMPT = "And it came to pass"


def python_with_numpy():
    """An interpreter that has NumPy: this one, or that of the packages."""
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and subprocess.run([python, "-c", "import numpy"],
                                                    capture_output=True).returncode == 0:
            return python
    return None


def figure(folder, pattern):
    """The number that the card of a model gives behind `pattern`."""
    card = (folder / "card.md").read_text()
    return float(re.search(pattern + r"\s*\|?\s*([0-9]+\.[0-9]+)", card)[1])


class LanguageModels(CommandTest):
    def perplexity(self, model, *flags):
        return self.hone("perplexity", model, "-f", HELD_OUT, "--json", *flags).json()

    def generated(self, model, *flags):
        return self.hone("generate", model, "-p", PROMPT, "-n", 60, "--temperature", 0,
                         *flags).out

    def test_the_perplexity_is_that_of_the_card(self):
        for folder, models in ((LLAMA, (LLAMA, F16)), (GPT2, (GPT2,))):
            wanted = figure(folder, "held-out perplexity")
            for model in models:
                found = self.perplexity(model)["perplexity"]
                self.assertAlmostEqual(found / wanted, 1, delta=5e-4, msg=str(model))
        found = self.perplexity(Q8_0)["perplexity"]
        self.assertAlmostEqual(found / figure(LLAMA, "the Q8_0 file,"), 1, delta=1e-3)
        # Bytes of rows and of weights cost next to nothing.
        self.assertAlmostEqual(found / figure(LLAMA, "held-out perplexity"), 1, delta=2e-3)

    def test_the_folder_and_the_file_tell_the_same_text(self):
        texts = {self.generated(model, "--threads", threads)
                 for model in (LLAMA, F16) for threads in (1, 2)}
        self.assertEqual(len(texts), 1, texts)
        self.assertGreater(len(texts.pop().split()), 20)
        self.assertEqual(*(self.generated(Q8_0, "--threads", threads) for threads in (1, 2)))
        self.assertEqual(*(self.generated(GPT2, "--threads", threads) for threads in (1, 2)))

    def test_logits_are_those_of_pytorch(self):
        for folder, models, flags in ((LLAMA, (LLAMA, F16), ["--bind", "pages=2"]),
                                      (GPT2, (GPT2,), ["--bind", "pages=2"]), (BERT, (BERT,), [])):
            for model in models:
                for backend in ([], ["--backend", "reference"]):
                    # The cache keeps 16 bits of each key and value.
                    report = self.hone("run", model, *flags, *backend, "--atol", "3e-3",
                                       "--check", folder / "test_data_set_0", "--json").json()
                    self.assertTrue(report["checks"][0]["passed"], str(model))

    def test_any_other_format_can_be_made(self):
        wanted = figure(LLAMA, "held-out perplexity")
        for name, most in (("q4_k_m", 1.01), ("q6_k", 1.005), ("q4_0", 1.02)):
            self.hone("quantize", F16, "out.gguf", "--to", name)
            # Every width is a multiple of 256, so that no other format takes over.
            types = self.hone("quantize", F16, "out.gguf", "--to", name, "--dry-run", "--json")
            self.assertNotIn("fallback_from", types.out)
            self.assertLess(self.perplexity("out.gguf")["perplexity"] / wanted, most, name)

    def test_ids_are_those_that_the_models_have_learned_with(self):
        text = HELD_OUT.read_text()
        for tokenizer, models in ((bpe.Tokenizer, (LLAMA, F16, Q8_0, GPT2)),
                                  (wordpiece.Tokenizer, (BERT,))):
            own = tokenizer.from_json(models[0] / "tokenizer.json")
            wanted = own.encode(text)
            for model in models:
                found = self.hone("tokenize", model, "--no-special", "--text", text).out.split()
                self.assertEqual([int(i) for i in found], wanted, str(model))
        with_special = self.hone("tokenize", F16, "--text", "And").out.split()
        self.assertEqual(with_special[0], str(bpe.Tokenizer.from_json(LLAMA / "tokenizer.json").end))

    def test_hidden_tokens_are_told_as_often_as_the_card_says(self):
        python = python_with_numpy()
        if python is None:
            self.skipTest("python3-numpy is not installed")
        script = [python, str(ZOO / "masked_text.py"), "--out", self.path("masked")]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run(script, check=True, capture_output=True, env=environment)
        names = json.loads(self.hone("inspect", BERT, "--json").out)["inputs"]
        inputs = [word for port in names for word in
                  ("--input", f"{port['name']}={self.path('masked')}/{port['name']}.npy")]
        self.hone("run", BERT, *inputs, "-o", "masked")
        done = subprocess.run([*script, "--logits", self.path("masked/output_1.npy")], check=True,
                              capture_output=True, text=True, env=environment)
        told = float(done.stdout.split("%")[0])
        self.assertAlmostEqual(told, figure(BERT, "hidden tokens told right"), delta=0.1)


if __name__ == "__main__":
    unittest.main()
