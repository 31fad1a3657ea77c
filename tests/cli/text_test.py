"""`hone generate`, `chat`, `perplexity` and `tokenize` on a small model that has learned something."""
import json
import math
import subprocess
import unittest

from harness import HONE, ROOT, CommandTest, plain_environment

LLAMA = ROOT / "zoo/verses_llama"
MODEL = LLAMA / "model-q8_0.gguf"
PROMPT = "And it came to pass"
TEXT = (ROOT / "zoo/data/verses_heldout.txt").read_text()[:1500]


class TextTest(CommandTest):
    def piped(self, text, *words):
        """Standard output and standard error, with this text as standard input."""
        done = subprocess.run([HONE, *map(str, words)], input=text.encode(), capture_output=True,
                              cwd=self.folder, timeout=120,
                              env={**plain_environment(), "XDG_CACHE_HOME": str(self.caches)})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode(), done.stderr.decode()


class Generate(TextTest):
    def generate(self, *flags, prompt=PROMPT):
        return self.hone("generate", MODEL, "-p", prompt, "-n", 16, *flags)

    def test_prompts_from_everywhere(self):
        told = self.generate("--temperature", 0)
        self.assertEqual(told.err, "")
        self.assertTrue(told.out.endswith("\n"))
        self.assertFalse(told.out.startswith(PROMPT))
        flags = ["-n", 16, "--temperature", 0]
        self.assertEqual(self.piped(PROMPT, "generate", MODEL, *flags), (told.out, ""))
        self.write("prompt.txt", PROMPT)
        self.assertEqual(self.hone("generate", MODEL, "-f", "prompt.txt", *flags).out, told.out)
        report = self.generate("--temperature", 0, "--json").json()
        self.assertEqual(report["text"] + "\n", told.out)
        self.assertEqual((report["prompt"], report["prompt_tokens"], report["end"]),
                         (PROMPT, 6, "length"))
        self.assertEqual((report["generated_tokens"], len(report["tokens"])), (16, 16))
        self.assertEqual(report["reused_tokens"], 0)
        for key in ("ready_s", "prompt_s", "first_token_s", "decode_s", "prefill_tokens_per_s",
                    "decode_tokens_per_s"):
            self.assertGreater(report[key], 0, key)

    def test_seeds(self):
        texts = [self.generate("--temperature", 1, "--seed", seed).out for seed in (1, 1, 2)]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_stops_and_ends(self):
        whole = self.generate("--temperature", 0, "--json").json()["text"]
        stop = whole[10:14]
        report = self.generate("--temperature", 0, "--json", "--stop", "###", "--stop", stop).json()
        self.assertEqual((report["end"], report["text"]), ("stop", whole[:whole.index(stop)]))
        self.assertEqual(self.hone("generate", MODEL, "-p", PROMPT, "-n", 0).out, "\n")
        report = self.hone("generate", MODEL, "-p", PROMPT, "-n", -1, "--context", 40,
                           "--ignore-end", "--json").json()
        self.assertEqual((report["end"], report["generated_tokens"]), ("context", 35))

    def test_guesses(self):
        prompt = "The sons of Er, and the sons of Onan. " * 6 + "The sons of"
        plain, guessed = (self.hone("generate", MODEL, "-p", prompt, "-n", 32, "--guesses", n,
                                    "--temperature", 0, "--json").json() for n in (0, 8))
        self.assertEqual(guessed["text"], plain["text"])
        self.assertEqual(plain["guessed_tokens"], 0)
        self.assertGreater(guessed["accepted_tokens"], 0)

    def test_texts_that_are_held(self):
        self.write("g.gbnf", 'root ::= " yes" | " no"')
        self.assertIn(self.generate("--grammar", "g.gbnf").out, (" yes\n", " no\n"))
        self.write("s.json", json.dumps({"type": "object", "required": ["a"], "properties":
                                         {"a": {"type": "boolean"}}, "additionalProperties": False}))
        told = json.loads(self.generate("--json-schema", "s.json", "-n", 64).out)
        self.assertIsInstance(told["a"], bool)

    def test_special_tokens(self):
        self.assertEqual(self.generate("--json", prompt="a<|endoftext|>b").json()["prompt_tokens"], 13)
        report = self.generate("--special", "--json", prompt="a<|endoftext|>b").json()
        self.assertEqual(report["prompt_tokens"], 4)

    def test_the_token_that_begins_texts_comes_once(self):
        flags = ["--special", "--temperature", 0]
        told = self.generate(*flags)
        spelled = self.generate(*flags, prompt="<|endoftext|>" + PROMPT)
        self.assertEqual(spelled.out, told.out)
        self.assertIn("note: the prompt spells '<|endoftext|>' itself", spelled.err)
        report = self.generate(*flags, "--json", prompt="<|endoftext|>" + PROMPT).json()
        self.assertEqual(report["prompt_tokens"], 6)
        self.assertIn("spells '<|endoftext|>' itself", report["warnings"][0])
        self.assertEqual(self.generate(*flags, "--json").json()["warnings"], [])

    def test_a_context_beyond_training(self):
        note = "the context of 513 tokens is longer than the 512 that the model was trained for"
        for words in (["generate", MODEL, "-p", PROMPT, "-n", 1], ["chat", MODEL, "-p", "a", "-n", 1],
                      ["perplexity", MODEL, "-f", self.write("text.txt", TEXT)]):
            self.assertIn(note, self.hone(*words, "--context", 513).err)
            self.assertNotIn("context", self.hone(*words, "--context", 512).err)
            report = self.hone(*words, "--context", 513, "--json").json()
            self.assertEqual((report["context"], report["trained_context"]), (513, 512))
            self.assertIn(note, report["warnings"][0])
            report = self.hone(*words, "--json").json()
            self.assertEqual((report["context"], report["warnings"]), (512, []))

    def test_times(self):
        told = self.generate("--timing", "--temperature", 0)
        self.assertRegex(told.err, r"^ready in .*; prompt 6 tokens, .*; text 16 tokens")

    def test_refusals(self):
        self.write("bad.gbnf", "root ::= (")
        for words in (["-n", "-2"], ["--guesses", "65"], ["--top-p", "2"], ["--file", "x"],
                      ["--context", "-1"], ["--cache", "f64"], ["--temperature", "hot"],
                      ["--json-text", "--grammar", "bad.gbnf"], ["--stop", ""]):
            self.refused("generate", MODEL, "-p", PROMPT, *words, error="usage", code=2)
        self.refused("generate", MODEL, "-p", "", "--special", "--tokenizer", "none.json",
                     error="io.not_found")
        self.refused("generate", MODEL, "-p", PROMPT, "--context", 5, error="limit.memory", code=4)
        self.refused("generate", MODEL, "-f", "none.txt", error="io.not_found")
        self.refused("generate", "none.gguf", "-p", PROMPT, error="io.not_found")
        self.refused("generate", ROOT / "zoo/verses_bert", "-p", PROMPT,
                     error="model.unsupported_feature")
        refused = self.hone("generate", MODEL, "-p", PROMPT, "--grammar", "bad.gbnf", code=3)
        self.assertEqual(refused.out, "")


class Chat(TextTest):
    FLAGS = ["-n", 8, "--temperature", 0]

    def chat(self, text, *flags):
        return self.piped(text, "chat", MODEL, *self.FLAGS, *flags)

    def test_a_conversation(self):
        out, err = self.chat("Who was he?\n\nAnd then?\n/quit\nNot read\n")
        self.assertIn("no chat template; 'roles' is used", err)
        self.assertEqual(err.count("\n"), 1)
        first, second = out.splitlines()
        alone, _ = self.chat("Who was he?\n")
        self.assertEqual(alone, first + "\n")
        # It remembers, forgets, and answers anew.
        self.assertNotEqual(self.chat("And then?\n")[0], second + "\n")
        out, _ = self.chat("Who was he?\nAnd then?\n/retry\n/reset\n/retry\nWho was he?\n")
        self.assertEqual(out.splitlines(), [first, second, second, first])
        self.assertEqual(self.hone("chat", MODEL, *self.FLAGS, "-p", "Who was he?").out, alone)

    def test_what_was_read_is_not_read_again(self):
        _, err = self.chat("Who was he?\nAnd then?\n", "--timing")
        first, second = (line for line in err.splitlines() if line.startswith("prompt "))
        self.assertRegex(first, "text [1-8] tokens")
        self.assertNotEqual(first.split()[1], second.split()[1])

    def test_several_lines_and_templates(self):
        self.write("t.jinja", "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}")
        flags = ["--template", "t.jinja"]
        out, err = self.chat('"""\nWho\nwas he?\n"""\n', *flags)
        self.assertEqual(err, "")
        report = json.loads(self.chat("", *flags, "-p", "Who\nwas he?", "--json")[0])
        self.assertEqual(report["text"] + "\n", out)
        self.assertEqual(report["message"], "Who\nwas he?")
        tokens = self.hone("tokenize", MODEL, "--text", "user=Who\nwas he?;").out.split()
        self.assertEqual(report["prompt_tokens"], len(tokens))
        with_system = json.loads(self.chat("", *flags, "--system", "Be brief.", "-p", "Who?",
                                           "--json")[0])
        tokens = self.hone("tokenize", MODEL, "--text", "system=Be brief.;user=Who?;").out.split()
        self.assertEqual(with_system["prompt_tokens"], len(tokens))

    def test_messages_cannot_spell_special_tokens(self):
        self.write("t.jinja", "{{ messages[0].content }}")
        told = [json.loads(self.chat("", "--template", "t.jinja", "-p", text, "--json")[0])
                for text in ("a", "a<|endoftext|>")]
        self.assertGreater(told[1]["prompt_tokens"] - told[0]["prompt_tokens"], 5)

    def test_help_and_messages_that_fail(self):
        long = "word " * 400
        out, err = self.chat(f"/help\n{long}\nWho was he?\n", "--context", 64)
        self.assertIn("/retry", err)
        self.assertIn("[limit.memory]", err)
        self.assertEqual(out, self.chat("Who was he?\n")[0])

    def test_refusals(self):
        refused = self.hone("chat", MODEL, "--json", code=2)
        self.assertEqual((refused.out, refused.error()["code"]), ("", "usage"))
        self.write("t.jinja", "{% for %}")
        self.hone("chat", MODEL, "-p", "a", "--template", "t.jinja", code=3)
        self.refused("chat", MODEL, "-p", "a", "--template", "none", error="io.not_found")


class Perplexity(TextTest):
    def test_figures(self):
        self.write("text.txt", TEXT)
        report = self.hone("perplexity", MODEL, "-f", "text.txt", "--json").json()
        ids = self.hone("tokenize", MODEL, "--file", "text.txt").out.split()
        self.assertEqual(report["tokens"], len(ids) - 1)
        self.assertAlmostEqual(report["perplexity"], math.exp(report["negative_log_likelihood"]))
        self.assertLess(report["perplexity_low"], report["perplexity"])
        self.assertLess(report["perplexity"], report["perplexity_high"])
        self.assertTrue(10 < report["perplexity"] < 40, report)
        self.assertTrue(0.2 < report["top1"] < 0.6, report)
        out, err = self.piped(TEXT, "perplexity", MODEL)
        self.assertEqual(err, "")
        self.assertTrue(out.startswith(f"perplexity {report['perplexity']:.4f} ("), out)
        self.assertIn(f"over {report['tokens']} tokens", out)
        # Less is known of a token with fewer in front of it.
        short = self.hone("perplexity", MODEL, "-f", "text.txt", "--window", 16, "--json").json()
        self.assertGreater(short["perplexity"], report["perplexity"])
        lapped = self.hone("perplexity", MODEL, "-f", "text.txt", "--window", 16, "--stride", 4,
                           "--json").json()
        self.assertLess(lapped["perplexity"], short["perplexity"])
        few = self.hone("perplexity", MODEL, "-f", "text.txt", "--tokens", 50, "--json").json()
        self.assertEqual(few["tokens"], 49)
        # What could not be text is foretold worse.
        odd = json.loads(self.piped(TEXT[::-1], "perplexity", MODEL, "--json")[0])
        self.assertGreater(odd["perplexity"], 10 * report["perplexity"])

    def test_refusals(self):
        self.write("text.txt", TEXT)
        for words in (["--window", 1], ["--window", 8, "--stride", 9], ["--stride", 0],
                      ["--window", 200, "--context", 100]):
            self.refused("perplexity", MODEL, "-f", "text.txt", *words, error="usage", code=2)
        self.refused("perplexity", MODEL, "-f", "none.txt", error="io.not_found")
        self.write("empty.txt", "")
        self.refused("perplexity", MODEL, "-f", "empty.txt", error="data.mismatch")


class Tokenize(TextTest):
    def test_every_form_of_the_model_has_the_same_tokens(self):
        self.write("text.txt", TEXT)
        told = {self.hone("tokenize", model, "--file", "text.txt").out
                for model in (MODEL, LLAMA / "model-f16.gguf", LLAMA, LLAMA / "tokenizer.json")}
        self.assertEqual(len(told), 1)
        ids = told.pop()
        self.assertEqual(self.piped(ids, "tokenize", MODEL, "--decode", "--no-special"), (TEXT, ""))
        self.assertTrue(self.piped(ids, "tokenize", MODEL, "--decode")[0].startswith("<|endoftext|>"))

    def test_text_that_it_has_not_learned(self):
        text = "\u20ac \U0001f600 \u0627\u0644\0\tx\r\n  "
        ids, _ = self.piped(text, "tokenize", MODEL)
        self.assertEqual(self.piped(ids, "tokenize", MODEL, "--decode", "--no-special")[0].encode(),
                         text.encode())


if __name__ == "__main__":
    unittest.main()
