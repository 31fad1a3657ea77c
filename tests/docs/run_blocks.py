#!/usr/bin/env python3
"""Runs the code blocks of Markdown pages and compares what they print.

    run_blocks.py [--keep DIR] [--bless] PAGE…

A block that opens with ```console is run: a line that begins with `$ ` is a command for bash (it goes
on in the next line after a `\\` at the end), the lines up to the next command are what it prints,
standard error included. In those, `…` stands for anything within its line, and a line that is just
`…` for any number of lines. Durations are not compared. A command has to succeed. A block that opens with a language and a path,
as in ```cpp src/ops/twice.cc, is written to that path. Other blocks are not touched.

The blocks of a page are run in order, in one scratch copy of the repository's files, with the build
folder of hone (HONE_BUILD, or else build/release) in front of PATH. --keep works in DIR instead and
leaves it. --bless writes what was printed into the page, for outputs without `…`.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ANY = "…"
DURATION = re.compile(r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s)\b")
TIMEOUT = 900  # seconds, of one command


class Block:
    def __init__(self, page, line, info):
        self.page, self.line, self.info, self.lines = page, line, info, []


def blocks_of(page):
    """The fenced blocks of a page; a fence inside a list is indented and stays unread."""
    found, open_block = [], None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if open_block is None and line.startswith("```"):
            open_block = Block(page, number, line[3:].split())
        elif open_block is not None and line.rstrip() == "```":
            found.append(open_block)
            open_block = None
        elif open_block is not None:
            open_block.lines.append(line)
    if open_block is not None:
        raise ValueError(f"{page}:{open_block.line}: the block does not end")
    return found


def commands_of(block):
    """(line, command, expected lines, first and last line of these) of a console block."""
    found = []
    lines, i = block.lines, 0
    while i < len(lines):
        if not lines[i].startswith("$ "):
            raise ValueError(f"{block.page}:{block.line + 1 + i}: a console block begins with `$ `")
        start, command = i, lines[i][2:]
        while command.endswith("\\") and i + 1 < len(lines):
            i += 1
            command = command[:-1] + lines[i].strip()
        i += 1
        first = i
        while i < len(lines) and not lines[i].startswith("$ "):
            i += 1
        found.append((block.line + 1 + start, command, lines[first:i],
                      (block.line + first, block.line + i)))
    return found


def matches(expected, printed):
    """Does `printed` have the form of `expected`?"""
    if not expected:
        return not printed
    if expected[0].strip() == ANY:
        return any(matches(expected[1:], printed[i:]) for i in range(len(printed) + 1))
    if not printed:
        return False
    line, given = (DURATION.sub("0 s", text.rstrip()) for text in (expected[0], printed[0]))
    pattern = ".*".join(re.escape(part) for part in line.split(ANY))
    return re.fullmatch(pattern, given) is not None and matches(expected[1:], printed[1:])


def scratch_copy(folder):
    """The files of the repository, without its history and its builds."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], check=True, capture_output=True).stdout
    for name in names.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def run_page(page, folder, bless):
    """Failures of one page, and how many commands were run."""
    environment = dict(os.environ, LC_ALL="C.UTF-8", TERM="dumb", COLUMNS="100")
    environment["HONE_CACHE_DIR"] = str(Path(folder) / ".hone_cache")
    # What is measured differs from run to run.
    environment["HONE_COMPILE_MEASURE"] = "never"
    build = Path(environment.pop("HONE_BUILD", "") or ROOT / "build/release").resolve()
    environment["PATH"] = f"{build}{os.pathsep}{environment['PATH']}"
    failures, count, outputs = [], 0, []
    for block in blocks_of(page):
        if len(block.info) == 2:
            target = (folder / block.info[1]).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise ValueError(f"{page}:{block.line}: {block.info[1]} leads outside")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join(block.lines) + "\n")
        if block.info != ["console"]:
            continue
        for line, command, expected, span in commands_of(block):
            count += 1
            process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            try:
                output, _ = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # what the command started, too
                process.communicate()
                return failures + [f"{page}:{line}: no end after {TIMEOUT} s: {command}"], count
            printed = [text.rstrip() for text in output.decode(errors="replace").splitlines()]
            outputs.append((span, expected, printed))
            shown = "\n".join("    " + text for text in printed[-60:])
            if process.returncode != 0:
                failures.append(f"{page}:{line}: exit {process.returncode}: {command}\n{shown}")
            elif not matches(expected, printed):
                wanted = "\n".join("    " + text for text in expected)
                failures.append(f"{page}:{line}: {command}\n  printed\n{shown}\n  not\n{wanted}")
    if bless:
        lines = page.read_text().splitlines()
        for (first, last), expected, printed in reversed(outputs):
            if not any(ANY in text for text in expected):
                lines[first:last] = printed
        page.write_text("\n".join(lines) + "\n")
    return failures, count


def main():
    arguments = sys.argv[1:]
    bless = "--bless" in arguments
    keep = None
    if "--keep" in arguments:
        at = arguments.index("--keep")
        keep = Path(arguments[at + 1])
        del arguments[at:at + 2]
    pages = [Path(name).resolve() for name in arguments if name != "--bless"]
    failures = 0
    for page in pages:
        if not any(block.info == ["console"] for block in blocks_of(page)):
            continue
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            scratch_copy(keep)
            found, count = run_page(page, keep, bless)
        else:
            with tempfile.TemporaryDirectory(prefix="hone-docs-") as folder:
                scratch_copy(Path(folder))
                found, count = run_page(page, Path(folder), bless)
        for failure in found:
            print(failure)
        failures += len(found)
        print(f"docs: {page.relative_to(ROOT)}: {count} commands, {len(found)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
