"""The runner of the pages' blocks notices what it should."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))
import run_blocks  # noqa: E402


class Blocks(unittest.TestCase):
    def run_text(self, text):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.md"
            page.write_text(text)
            return run_blocks.run_page(page, Path(folder), False)

    def test_matching(self):
        self.assertTrue(run_blocks.matches(["a … c", "…", "z"], ["a b c", "d", "e", "z"]))
        self.assertTrue(run_blocks.matches(["…"], []))
        self.assertFalse(run_blocks.matches(["a"], ["a", "b"]))
        self.assertFalse(run_blocks.matches(["a.c"], ["abc"]))
        self.assertTrue(run_blocks.matches(["took 1.5 ms"], ["took 20 s"]))

    def test_right_output_passes(self):
        failures, count = self.run_text("```console\n$ echo a; \\\n  echo b\na\nb\n$ true\n```\n")
        self.assertEqual((failures, count), ([], 2))

    def test_wrong_output_and_failing_commands_are_named(self):
        failures, _ = self.run_text("\n```console\n$ echo a\nb\n$ exit 3\n```\n")
        self.assertIn("page.md:3: echo a", failures[0])
        self.assertIn("page.md:5: exit 3", failures[1])

    def test_files_are_written_and_other_blocks_left_alone(self):
        text = "```txt some/file.txt\nhello\n```\n```sh\nexit 1\n```\n```console\n$ cat some/file.txt\nhello\n```\n"
        self.assertEqual(self.run_text(text), ([], 1))
        with self.assertRaises(ValueError):
            self.run_text("```txt ../file.txt\nhello\n```\n")

    def test_bless_writes_the_output(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.md"
            page.write_text("```console\n$ echo a\nold\nold\n$ echo b\n…\n```\n")
            run_blocks.run_page(page, Path(folder), True)
            self.assertEqual(page.read_text(), "```console\n$ echo a\na\n$ echo b\n…\n```\n")


if __name__ == "__main__":
    unittest.main()
