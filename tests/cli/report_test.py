"""`--report` of analyze, compare and validate: pages that stand alone, tables that read back, names
that try to break out."""
import csv
import difflib
import html.parser
import json
import os
import re
import unittest
from pathlib import Path

from harness import CNN, ROOT, VIT, CommandTest

GOLDEN = ROOT / "tests/cli/reports"
VOID = {"meta", "br", "hr", "img", "input", "link"}
# What may not be in a file that stands alone: anything that is loaded, and anything that runs.
LOADS = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video",
         "source", "use", "image", "foreignobject"}
PLAIN = {"lang", "charset", "name", "content", "http-equiv", "class", "scope", "role", "aria-label",
         "viewbox", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d", "width", "height",
         "text-anchor", "transform"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(html.parser.HTMLParser):
    """Parses a page strictly: what is opened is closed, in turn."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.errors, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        self.errors += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name not in PLAIN:
                self.errors.append(f"<{tag} {name}={value!r}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}> closes another one")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            for outside in ("url(", "@import", "http", "expression("):
                if outside in data:
                    self.errors.append(f"the style has {outside}")
        self.texts.append(data)


class ReportTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.data = {"XDG_DATA_HOME": str(self.folder / "data")}

    def page(self, path, hostile=False):
        text = Path(path).read_text(encoding="utf-8")
        page = Page(text)
        self.assertEqual(page.errors, [])
        self.assertFalse(LOADS & set(page.tags), LOADS & set(page.tags))
        self.assertTrue(text.startswith("<!DOCTYPE html>"))
        self.assertIn("default-src 'none'", text)
        self.assertNotRegex(text, "<(script|img)")
        # Names may hold such words; attributes are looked at one by one.
        for outside in () if hostile else ("http:", "https:", "src=", "href=", "javascript:", "@import"):
            self.assertNotIn(outside, text)
        return page

    def hostile_model(self, steps=6):
        """A chain of nodes with names that are markup, formulas, escape codes, and long."""
        names = [HOSTILE + str(i) for i in range(steps)]
        lines = ["hone 1", f'graph main("{HOSTILE}": f32[4,8]) -> (y) {{']
        value = f'"{HOSTILE}"'
        for i in range(steps):
            made = "y" if i == steps - 1 else f'"{names[i]}"'
            op = ("neg({})", "softmax({}) <axis=-1>")[i % 2].format(value)
            lines.append(f'  {made} = {op} from "=cmd|\'/C calc\'!A{i}]]>\\x1b[2J|`{"x" * 300}"')
            value = made
        return self.write("hostile.hir", "\n".join([*lines, "}"]) + "\n")


class Analyze(ReportTest):
    def reports(self, *words, endings=("html", "md", "csv", "json")):
        files = {ending: self.path(f"report.{ending}") for ending in endings}
        flags = [word for file in files.values() for word in ("--report", file)]
        result = self.hone("analyze", *words, *flags, environment=self.data)
        for file in files.values():
            self.assertIn(f"wrote {file}\n", result.out)
        return files

    def test_every_form_tells_the_same(self):
        files = self.reports(CNN, "--device", "rpi5,nvidia_t4", "--batch", "1,8")
        results = json.loads(Path(files["json"]).read_text())["results"]
        self.assertEqual(len(results), 4)
        page = self.page(files["html"])
        text = " ".join(page.texts)
        self.assertGreaterEqual(page.tags.count("svg"), 4 * 2 + 2)  # bounds, roofline; timelines
        for heading in ("Overview", "Roofline", "Operators", "Memory of activations", "Partition",
                        "What would lower it", "Families of kernels"):
            self.assertIn(heading, text)
        for result in results:
            for operator in result["operators"]:
                self.assertIn(operator["name"], text)
        with open(files["csv"], newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), sum(len(r["operators"]) for r in results))
        operators = [(r, o) for r in results for o in r["operators"]]
        for row, (result, operator) in zip(rows, operators):
            self.assertEqual(row["device"], result["device"])
            self.assertEqual(row["name"], operator["name"])
            self.assertEqual(float(row["latency_s"]), operator["latency_s"]["value"])
            self.assertEqual(float(row["macs"]), operator["macs"])
        markdown = Path(files["md"]).read_text()
        for result in results:
            self.assertIn(f"## {result['device_name']}, batch {result['batch']}\n", markdown)
        printed = self.hone("analyze", CNN, "--device", "rpi5,nvidia_t4", "--batch", "1,8",
                            "--json", environment=self.data)
        self.assertEqual(printed.json(), {"results": results})

    def test_peak_and_partition(self):
        report = self.hone("analyze", CNN, "--device", "rpi5", "--batch", 8, "--json",
                           environment=self.data).json()
        memory, partition = report["memory"], report["partition"]
        peak = memory["peak"]
        self.assertEqual(peak["live_bytes"], max(memory["arena_timeline_bytes"]))
        self.assertEqual(peak["live_bytes"], memory["arena_timeline_bytes"][peak["step"]])
        self.assertEqual(sum(t["bytes"] for t in peak["tensors"] if not t["in_place"]),
                         peak["live_bytes"])
        for tensor in peak["tensors"]:
            self.assertLessEqual(tensor["first_step"], peak["step"])
            self.assertLessEqual(peak["step"], tensor["last_step"])
        total = report["peak_memory_bytes"]["value"]
        for remedy in peak["remedies"]:
            self.assertLess(remedy["peak_memory_bytes"], total)
        # What is said of a smaller batch is what a smaller batch takes.
        one = self.hone("analyze", CNN, "--device", "rpi5", "--batch", 1, "--json",
                        environment=self.data).json()
        [smaller] = [r for r in peak["remedies"] if r["what"] == "a batch of 1"]
        self.assertEqual(smaller["arena_bytes"], one["memory"]["arena_bytes"])
        self.assertEqual(smaller["peak_memory_bytes"], one["peak_memory_bytes"]["value"])
        self.assertEqual(partition["source_nodes"], 27)
        self.assertTrue(all(len(g["nodes"]) > 1 for g in partition["groups"]))
        self.assertIn("relu", {g["with"].split(", ")[-1] for g in partition["groups"]})
        self.assertAlmostEqual(sum(report["confidence_shares"].values()), 1)

    def test_names_stay_text(self):
        files = self.reports(self.hostile_model(), "--device", "rpi5")
        page = self.page(files["html"], hostile=True)
        self.assertTrue(any(HOSTILE in text for text in page.texts))
        markdown = Path(files["md"]).read_text()
        self.assertNotIn("<script", markdown)
        for file in files.values():
            self.assertNotIn("\x1b", Path(file).read_text())
        with open(files["csv"], newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertTrue(rows)
        for row in rows:
            for cell in row.values():
                self.assertNotIn(cell[:1], ("=", "+", "@", "\t", "\r"))
            self.assertNotIn(None, row)
        json.loads(Path(files["json"]).read_text())

    def test_size_of_long_models(self):
        files = self.reports(self.hostile_model(10_000), "--device", "rpi5,nvidia_t4,host",
                             endings=("html", "md"))
        self.page(files["html"], hostile=True)
        self.assertLess(os.path.getsize(files["html"]), 4_000_000)
        self.assertLess(os.path.getsize(files["md"]), 2_000_000)
        self.assertIn("slowest of 10000 operators", Path(files["md"]).read_text())

    def test_formats_by_name(self):
        words = ("analyze", CNN, "--device", "rpi5", "--json")
        one, two = self.path("one"), self.path("two.txt")
        self.hone(*words, "--report", one, "--report-format", "html", environment=self.data)
        self.page(one)
        printed = self.hone(*words, "--report", one, "--report", two, "--report-format", "md",
                            "--report-format", "json", environment=self.data)
        self.assertTrue(Path(one).read_text().startswith("# "))
        self.assertEqual(json.loads(Path(two).read_text()), printed.json())

    def test_refusals(self):
        words = ("analyze", CNN, "--device", "rpi5")
        for flags in (("--report", "a.pdf"), ("--report", "a"), ("--report-format", "html"),
                      ("--report", "a.html", "--report-format", "pdf"),
                      ("--report", "a.html", "--report-format", "md", "--report-format", "md")):
            self.refused(*words, *flags, error="usage", code=2, environment=self.data)
        self.assertEqual(list(self.folder.glob("a*")), [])
        result = self.run_any(*words, "--report", "none/a.html", environment=self.data)
        self.assertIn(result.code, (3, 4))
        self.assertIn("none/a.html", result.err)


class Others(ReportTest):
    def test_compare(self):
        page, table = self.path("ranks.html"), self.path("ranks.csv")
        report = self.hone("compare", CNN, VIT, "--device", "rpi5,nvidia_t4", "--max-latency", "1s",
                           "--report", page, "--report", table, "--json",
                           environment=self.data).json()
        self.assertIn("svg", self.page(page).tags)
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([float(r["latency_s"]) for r in rows],
                         [r["latency_s"]["value"] for r in report["results"]])

    def test_validate(self):
        page, table, copy = self.path("errors.html"), self.path("errors.csv"), self.path("e.json")
        report = self.hone("validate", CNN, VIT, "--threads", 1, "--seconds", 0.1, "--report", page,
                           "--report", table, "--report", copy, "--json",
                           environment=self.data).json()
        self.assertEqual(json.loads(Path(copy).read_text()), report)
        text = Path(page).read_text()
        self.page(page)
        self.assertIn('<table class="heat">', text)
        self.assertIn(report["predictions_sha256"], text)
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([float(r["error"]) for r in rows], [m["error"] for m in report["models"]])


    def test_validate_a_table_of_energy(self):
        rows = ["round,division,submitter,system,benchmark,latency_ms,energy_uJ_per_inf"]
        for system in range(4):
            for network, factor in (("kws", 1.0), (HOSTILE.replace(",", ""), 2.0 + 0.01 * system)):
                rows.append(f"v1,closed,x,board{system},{network},{10 * factor},{100 * factor * 1.02}")
        file, page = self.write("boards.csv", "\n".join(rows) + "\n"), self.path("energy.html")
        table, copy = self.path("energy.csv"), self.path("energy.json")
        report = self.hone("validate", "--energy", file, "--report", page, "--report", table,
                           "--report", copy, "--json", environment=self.data).json()
        self.assertEqual(json.loads(Path(copy).read_text()), report)
        self.page(page, hostile=True)
        with open(table, newline="", encoding="utf-8") as opened:
            read = list(csv.DictReader(opened))
        self.assertEqual([float(r["median"]) for r in read],
                         [part["median"] for part in report["parts"]])
        self.refused("validate", "--energy", file, "--report", "a.pdf", error="usage", code=2,
                     environment=self.data)


def masked(text):
    """Without what depends on the machine and on estimates: numbers, and families by their time."""
    text = re.sub(r"### Families of kernels\n.*?(?=\n##)", "### Families of kernels\n", text,
                  flags=re.S)
    text = re.sub(r"\| conv_\w+ \||\| winograd \|", "| FAMILY |", text)
    text = re.sub(r"\| (compute|cache|memory|overhead) \|", "| BOUND |", text)
    # Remedies come by how much they lower, and weights are packed as the machine wants them.
    text = re.sub(r"(?<=\| less \|\n\|---\|---:\|---:\|---:\|\n).*?\n(?=\n)",
                  lambda m: "".join(sorted(m[0].splitlines(True))), text, flags=re.S)
    return re.sub(r"(?<![\w/.])\d[\d.e+]*(?: [kMG]?(?:us|ms|ns|s|B|J|uJ|mJ|nJ|%|[kMGT])\b)?", "N",
                  text)


class Goldens(ReportTest):
    """The form of reports, figures masked; HONE_BLESS=1 writes them."""

    def check(self, name, text):
        path = GOLDEN / name
        if os.environ.get("HONE_BLESS"):
            path.write_text(text)
        difference = list(difflib.unified_diff(path.read_text().splitlines(), text.splitlines(),
                                               "golden", "now", lineterm=""))
        self.assertFalse(difference, "\n".join(difference))

    def test_of_a_small_network(self):
        markdown, table = self.path("report.md"), self.path("report.csv")
        model = os.path.relpath(CNN, self.folder)
        self.hone("analyze", model, "--device", "rpi5", "--batch", 2, "--report", markdown,
                  "--report", table, environment=self.data)
        self.check("digits_cnn.md",
                   masked(Path(markdown).read_text().replace(model, "digits_cnn/model.onnx")))
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        kept = ("device", "batch", "phase", "step", "name", "operator", "macs", "confidence")
        columns = [rows[0].index(name) for name in kept]
        shown = [",".join(rows[0])] + [",".join(row[c] for c in columns) for row in rows[1:]]
        self.check("digits_cnn.csv", "\n".join(shown) + "\n")


if __name__ == "__main__":
    unittest.main()
