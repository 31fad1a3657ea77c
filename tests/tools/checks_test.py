"""The checks of tools/ fail where they should."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import check_files  # noqa: E402
import check_layers  # noqa: E402

TABLE = """
| layer | module | may include |
|---|---|---|
| 0 | base | - |
| 1 | kernels | base |
| 1 | ir | base |
| 2 | ops | ir |
| 3 | estimate | ops, kernels (features.h) |
| 4 | include/hone | - |
| 4 | cli | all |
"""


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        self.write("ARCHITECTURE.md", TABLE)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def layers(self, name, text):
        self.write(name, text)
        return check_layers.check(self.root)[0]

    def test_lower_and_transitive_edges_pass(self):
        self.assertEqual(self.layers("src/ops/a.cc", '#include "base/x.h"\n#include "ir/y.h"\n'), [])
        self.assertEqual(self.layers("src/cli/a.cc", '#include "ops/x.h"\n#include "hone/hone.h"\n'), [])

    def test_upward_edge_is_named_with_its_line(self):
        errors = self.layers("src/ir/a.h", '// A.\n#include "ops/x.h"\n')
        self.assertEqual(len(errors), 1)
        self.assertTrue(errors[0].startswith("src/ir/a.h:2: upward edge"), errors[0])

    def test_sideways_edge_fails(self):
        self.assertIn("unlisted edge", self.layers("src/ir/a.h", '#include "kernels/x.h"\n')[0])

    def test_unlisted_module_fails(self):
        self.assertIn("not in the table", self.layers("src/magic/a.cc", "\n")[0])
        self.assertIn("does not begin", self.layers("src/ops/a.cc", '#include "x.h"\n')[-1])

    def test_single_headers_of_a_module(self):
        self.assertEqual(self.layers("src/estimate/a.cc", '#include "kernels/dot/features.h"\n'), [])
        self.assertIn("features.h only", self.layers("src/estimate/a.cc", '#include "kernels/x.h"\n')[0])

    def test_public_headers_see_nothing(self):
        self.assertIn("may not include", self.layers("include/hone/a.h", '#include "base/x.h"\n')[0])

    def test_cycle_and_upward_row_fail(self):
        rows = TABLE.replace("| kernels | base |", "| kernels | ir |")
        self.write("ARCHITECTURE.md", rows.replace("| ir | base |", "| ir | kernels |"))
        self.assertIn("include each other", " ".join(check_layers.check(self.root)[0]))
        self.write("ARCHITECTURE.md", TABLE.replace("| ir | base |", "| ir | ops |"))
        self.assertIn("a higher layer", " ".join(check_layers.check(self.root)[0]))

    def files(self, name, text):
        self.write(name, text)
        return check_files.check(self.root)[0]

    def test_form(self):
        body = "int x;\n" * 20
        self.assertEqual(self.files("a.cc", "// A.\n" + body), [])
        self.assertIn("no comment", self.files("a.cc", body)[0])
        self.assertIn("trailing blanks", self.files("a.cc", "// A. \n")[0])
        self.assertIn("tab", self.files("a.cc", "// A.\n\tint x;\n")[0])
        self.assertIn("no newline", self.files("a.cc", "// A.")[0])
        self.assertIn("one machine", self.files("a.cc", "// See /ho" + "me/me/notes.\n")[0])

    def test_a_try_in_an_initializer_comes_first(self):
        def found(code):
            errors = self.files("a.cc", "// A.\n" + code)
            return [e.split(":")[1] for e in errors if "TRY" in e]

        for leaky in ["A a{x, TRY(f())};", "return {x(), TRY(f())};", "g({{k, v}, {k, TRY(f())}});",
                      "A a{.x = 1, .y = h(TRY(f()))};", "v.push_back({{x, TRY(f())}});",
                      "A a = {x,\n       TRY(f())};", "auto a = std::vector<A>{x, TRY(f())};"]:
            body = "void g() {\n  " + leaky + "\n}\n"
            self.assertEqual(found(body), [str(3 + leaky.count("\n"))], leaky)
        for sound in ["A a{TRY(f()), x};", "g(x, TRY(f()));", "g({TRY(f())}, {{k, v}});",
                      "A a{x, [&] { return TRY(f()); }};", "for (int i : {1, 2}) TRY(f(i));",
                      "if (a, b) { TRY(f()); }", "A a{x, y}; TRY(f());",
                      "auto l = [](int a, int b) -> Result<A> { TRY(f()); };",
                      "A a{'{', \"{x, \"}; TRY(f());", "// {x, TRY(f())}", "A a{1'000, x}; TRY(f());",
                      "struct B : C, D { Status s() && { TRY(f()); } };", "else { x, TRY(f()); }",
                      'auto s = R"(y = {a, TRY(b)})";']:
            self.assertEqual(found("void g() {\n  " + sound + "\n}\n"), [], sound)

    def test_long_files_need_a_reason(self):
        text = "// A.\n" + "int x;\n" * 600
        self.assertIn("more than 600", self.files("a.cc", text)[0])
        self.assertEqual(self.files("a.cc", "// A.\n// Long because: data.\n" + "int x;\n" * 600), [])


if __name__ == "__main__":
    unittest.main()
