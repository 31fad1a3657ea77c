#!/usr/bin/env python3
"""Checks the form of every file of the repository.

    check_files.py [ROOT]

A source begins with a comment that says what it is for; for a .cc the one of its header will do,
and so for its tests. A source of more than 600 lines has a line `Long because: …`. No trailing
blanks, no tabs, no carriage returns, a newline at the end, no path of somebody's machine. No TRY
behind another element in the braces of an initializer: GCC does not destroy what was built before it
when it returns.
"""
import re
import subprocess
import sys
from pathlib import Path

LONGEST = 600
SOURCES = {".cc", ".h", ".def", ".py", ".sh", ".cmake"}
TEXTS = SOURCES | {".md", ".txt", ".json", ".yaml", ".yml", ".ir", ".csv", ""}
COMMENT = re.compile(r'^(//|/\*|#(?!include|define|pragma|if)|"""|r""")')
# A path below a folder that only some machines have.
MACHINE = re.compile(r"(?<![\w.>})$*])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "home", "Users"])
                     + r")/[\w.]")
# Strings, characters and comments of C++, as far as they hide brackets.
HIDDEN = re.compile(r'''R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'''
                    r'''|(?<!\w)'(?:\\.|[^'\\\n])+''''', re.S)
# What stands before the braces of a block, rather than of an initializer.
BLOCK = re.compile(r"""(?:[);:\]}]|\)\s*(?:const\s*)?&&?|\)\s*(?:const\s*)?->[^;(){}]*
                       |\b(?:else|do|try|const|final|mutable|noexcept|override)
                       |\b(?:namespace|class|struct|union|enum)\b[^;(){}=]*|\A)\s*\Z""", re.X)
# Inputs of tests: their bytes are the point.
DATA = ("tests/golden/", "tests/fuzz/seeds/", "tests/data/", "LICENSE")


def listed(root):
    """The files of the repository: tracked ones, and new ones that are not ignored."""
    try:
        names = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True).stdout.decode().split("\0")
        found = [root / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        found = [p for p in root.rglob("*") if "build" not in p.relative_to(root).parts[:1]]
    return sorted(p for p in found if p.is_file() and not p.is_symlink())


def leaky_tries(text):
    """The lines with a TRY behind another element of an initializer."""
    text = HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    lines = []
    open_ = []  # [is an initializer, has a comma] for each bracket that is open
    for m in re.finditer(r"[][(){},]|\bTRY\b", text):
        token = m[0]
        if token == "{":
            before = text[max(0, m.start() - 200):m.start()].rstrip()
            inner = before.endswith("{")  # as what it stands in
            open_.append([open_[-1][0] if inner and open_ else not BLOCK.search(before), False])
        elif token in "([":
            open_.append([None, False])
        elif token in ")]}":
            if open_:
                open_.pop()
        elif token == ",":
            if open_ and open_[-1][0]:
                open_[-1][1] = True
        else:
            for initializer, comma in reversed(open_):
                if initializer is False:  # a block: what is around it is not built yet
                    break
                if comma:
                    lines.append(text.count("\n", 0, m.start()) + 1)
                    break
    return lines


def check(root):
    errors = []
    count = 0
    for file in listed(root):
        path = file.relative_to(root)
        if file.suffix not in TEXTS or str(path).startswith(DATA):
            continue
        data = file.read_bytes()
        if b"\0" in data:
            continue
        count += 1
        try:
            text = data.decode()
        except UnicodeDecodeError:
            errors.append(f"{path}:1: not UTF-8")
            continue
        lines = text.split("\n")
        if text and not text.endswith("\n"):
            errors.append(f"{path}:{len(lines)}: no newline at the end")
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            if line.endswith("\r"):
                errors.append(f"{where}: carriage return")
            elif line != line.rstrip():
                errors.append(f"{where}: trailing blanks")
            if "\t" in line and file.name != "Makefile":
                errors.append(f"{where}: tab")
            if MACHINE.search(line):
                errors.append(f"{where}: a path of one machine")
        source = file.suffix in SOURCES or lines[0].startswith("#!") or file.name == "Makefile"
        if not source:
            continue
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        # What is a few lines long says itself what it is for.
        header = file.with_name(file.stem.removesuffix("_test") + ".h")
        described = len(lines) <= 10 or (file.suffix == ".cc" and header.exists())
        if not described and not COMMENT.match(first):
            errors.append(f"{path}:1: no comment at the beginning that says what the file is for")
        if file.suffix in {".cc", ".h"}:
            for number in leaky_tries(text):
                errors.append(f"{path}:{number}: TRY behind another element of an initializer; "
                              "what is built by then leaks when it returns: name the value first")
        if len(lines) - 1 > LONGEST and "Long because: " not in text:
            errors.append(f"{path}:{len(lines) - 1}: more than {LONGEST} lines; split it, or give "
                          "the reason in a line `// Long because: …`")
    return errors, count


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    errors, count = check(root)
    for error in errors:
        print(error)
    if errors:
        print(f"files: {len(errors)} errors")
        return 1
    print(f"files: {count} files are in form")
    return 0


if __name__ == "__main__":
    sys.exit(main())
