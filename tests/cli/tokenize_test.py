"""`hone tokenize` from outside: text to ids and back, every kind of file, refusals."""
import json
import subprocess
import unittest

from harness import HONE, CommandTest, plain_environment

# Byte-level, with two merges.
TOKENIZER = {
    "added_tokens": [{"id": 6, "content": "<|end|>", "special": True}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
    "decoder": {"type": "ByteLevel"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|end|>", "type_id": 0}}],
        "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [6], "tokens": ["<|end|>"]}}},
    "model": {"type": "BPE",
              "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "Ċ": 5, "<": 7, ">": 8, "|": 9,
                        "e": 10, "n": 11, "d": 12},
              "merges": ["a b", "Ġ ab"]}}


class TokenizeTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.write("tokenizer.json", json.dumps(TOKENIZER))

    def tokenize(self, text, *flags):
        done = subprocess.run([HONE, "tokenize", self.model, *flags], input=text.encode(),
                              capture_output=True, cwd=self.folder, env=plain_environment(), timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def test_ids_and_back(self):
        self.assertEqual(self.tokenize("ab ab\n"), "3 4 5 6\n")
        self.assertEqual(self.tokenize("ab ab\n", "--no-special"), "3 4 5\n")
        self.assertEqual(self.tokenize("3 4 5 6", "--decode"), "ab ab\n<|end|>")
        self.assertEqual(self.tokenize("[3, 4, 5, 6]", "--decode", "--no-special"), "ab ab\n")
        self.assertEqual(self.tokenize("", "--no-special"), "\n")

    def test_special_tokens_in_the_text(self):
        self.assertEqual(self.tokenize("a<|end|>", "--no-special"), "0 6\n")
        self.assertEqual(self.tokenize("a<|end|>", "--no-special", "--plain"), "0 7 9 10 11 12 9 8\n")

    def test_lines(self):
        self.assertEqual(self.tokenize("ab\n\nab ab\n", "--lines", "--no-special"), "3\n\n3 4\n")
        self.assertEqual(self.tokenize("3\n3 4\n", "--lines", "--decode"), "ab\nab ab\n")

    def test_text_file_and_spellings(self):
        self.assertEqual(self.tokenize("", "--text", "ab ab", "--no-special"), "3 4\n")
        self.write("text.txt", "ab")
        self.assertEqual(self.tokenize("", "--file", "text.txt", "--no-special"), "3\n")
        shown = self.tokenize("ab ab", "--tokens", "--no-special").splitlines()
        self.assertEqual([line.split() for line in shown], [["3", '"ab"'], ["4", '"Ġab"']])

    def test_json(self):
        result = json.loads(self.tokenize("ab ab\nb", "--lines", "--json"))
        self.assertEqual(result["tokenizer"], "byte-level BPE")
        self.assertEqual(result["vocabulary"], 13)
        self.assertEqual(result["warnings"], [])
        self.assertEqual([r["ids"] for r in result["results"]], [[3, 4, 6], [1, 6]])
        self.assertEqual(result["results"][0]["tokens"], ["ab", "Ġab", "<|end|>"])
        self.assertEqual(result["results"][1]["count"], 2)
        decoded = json.loads(self.tokenize("3 4", "--decode", "--json"))
        self.assertEqual(decoded["results"][0]["text"], "ab ab")

    def test_folders_and_bare_vocabularies(self):
        folder = self.folder / "bert"
        folder.mkdir()
        (folder / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\nhello\n##s\n")
        self.assertEqual(self.hone("tokenize", "bert", "--text", "Hellos").out, "1 3 4 2\n")
        folder = self.folder / "gpt"
        folder.mkdir()
        (folder / "vocab.json").write_text('{"a": 0, "b": 1, "ab": 2}')
        (folder / "merges.txt").write_text("#version: 0.2\na b\n")
        self.assertEqual(self.hone("tokenize", "gpt/vocab.json", "--text", "abb").out, "2 1\n")

    def test_refusals(self):
        self.write("bad.json", '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}')
        self.refused("tokenize", "bad.json", "--text", "a", error="data.malformed")
        self.write("short.gguf", b"GGUF\x03\0\0\0")
        self.refused("tokenize", "short.gguf", "--text", "a", error="data.truncated")
        self.write("empty", b"")
        self.refused("tokenize", "empty", "--text", "a", error="data.truncated")
        self.write("bytes", b"\xff\xfe\x00\x01")
        self.refused("tokenize", "bytes", "--text", "a", error="format.unknown")
        self.refused("tokenize", "absent.json", "--text", "a", error="io.not_found")
        self.write("vocab.json", '{"a": 0}')
        self.refused("tokenize", "vocab.json", "--text", "a", error="io.not_found")
        self.refused("tokenize", "tokenizer.json", "--decode", "--text", "13", error="data.mismatch")
        self.refused("tokenize", "tokenizer.json", "--decode", "--text", "x", error="data.mismatch")
        self.refused("tokenize", "tokenizer.json", "--limits", "memory=2k", "--text", "a",
                     error="limit.memory", code=4)


if __name__ == "__main__":
    unittest.main()
