#!/usr/bin/env python3
"""Checks every #include of src/ and include/ against the layer table of ARCHITECTURE.md.

    check_layers.py [ROOT]

The table is the one whose head is `| layer | module | may include |`. An entry of its last column
is a module, `module (name.h)` for the headers of that name alone, `all` for every module of a lower
layer and the public headers, or `-` for none. What a listed module may include, its user may too.
An edge that is not listed, a module that is not listed, and a listed edge to a higher layer are
errors, each with file and line.
"""
import re
import sys
from pathlib import Path

HEAD = re.compile(r"^\|\s*layer\s*\|\s*module\s*\|\s*may include\s*\|")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
ENTRY = re.compile(r"^([a-z_/]+)(?: \(([a-z_.]+)\))?$")
PUBLIC = "include/hone"
# Headers that cost seconds to compile, or that bring types which nothing else should see: each is
# included by one file.
CONFINED = ("yaml-cpp/", "CLI/", "sqlite3.h", "simdjson.h")


class Table:
    """layer[module], and may[module]: {module: None for all of it, or a set of header names}."""

    def __init__(self, page):
        self.layer, self.may, self.errors = {}, {}, []
        rows = []
        inside = False
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if HEAD.match(line):
                inside = True
            elif inside and not line.startswith("|"):
                break
            elif inside and not re.match(r"^\|[\s|:-]+$", line):
                cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
                rows.append((number, cells))
        if not rows:
            self.errors.append(f"{page.name}: there is no table | layer | module | may include |")
        for number, (layer, module, _) in rows:
            if module in self.layer:
                self.errors.append(f"{page.name}:{number}: {module} is listed twice")
            self.layer[module] = int(layer)
            self.may[module] = {}
        for number, (layer, module, allowed) in rows:
            for text in (part.strip() for part in allowed.split(",")):
                if text == "-":
                    continue
                if text == "all":
                    for other, height in self.layer.items():
                        if height < int(layer) or other == PUBLIC:
                            self.may[module][other] = None
                    continue
                entry = ENTRY.match(text)
                name, header = entry.groups() if entry else (text, None)
                if name not in self.layer:
                    self.errors.append(f"{page.name}:{number}: {text} is not a module of the table")
                elif self.layer[name] > int(layer):
                    self.errors.append(f"{page.name}:{number}: {module} lists {name}, a higher layer")
                elif header is None:
                    self.may[module][name] = None
                elif self.may[module].get(name, set()) is not None:
                    self.may[module].setdefault(name, set()).add(header)
        self.close(page)

    def close(self, page):
        """Makes the edges transitive; a cycle is an error."""
        done, path = set(), []

        def visit(module):
            if module in path:
                cycle = " -> ".join(path[path.index(module):] + [module])
                self.errors.append(f"{page.name}: modules include each other: {cycle}")
            if module in done or module in path:
                return
            path.append(module)
            for other, headers in list(self.may[module].items()):
                visit(other)
                if headers is None:
                    for further, names in self.may[other].items():
                        if names is None:
                            self.may[module][further] = None
                        elif self.may[module].get(further, set()) is not None:
                            self.may[module].setdefault(further, set()).update(names)
            path.pop()
            done.add(module)

        for module in self.layer:
            visit(module)


def module_of(path):
    """The module of a file, given relative to the root."""
    parts = path.parts
    if parts[0] == "include":
        return PUBLIC
    return parts[1] if len(parts) > 2 else "cli"


def check(root):
    table = Table(root / "ARCHITECTURE.md")
    errors = table.errors
    confined = {}
    edges = 0
    files = sorted(p for folder in ("src", "include") for ending in ("h", "cc", "def")
                   for p in (root / folder).rglob(f"*.{ending}"))
    for file in files:
        path = file.relative_to(root)
        module = module_of(path)
        if module not in table.layer:
            errors.append(f"{path}:1: the module {module} is not in the table of ARCHITECTURE.md")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, angled = match.groups()
            name = quoted or angled
            where = f"{path}:{number}"
            for prefix in CONFINED:
                if name.startswith(prefix):
                    first = confined.setdefault(prefix, path)
                    if first != path:
                        errors.append(f"{where}: <{name}> is confined to {first}")
            if quoted is None and not name.startswith("hone/"):
                continue
            if "/" not in name or name.startswith("."):
                errors.append(f'{where}: "{name}" does not begin with its module')
                continue
            target = PUBLIC if name.startswith("hone/") else name.split("/")[0]
            edges += 1
            if target == module:
                continue
            if target == "support" and path.name.endswith("_test.cc"):
                continue  # tests/support
            if target not in table.layer:
                errors.append(f"{where}: the module {target} is not in the table of ARCHITECTURE.md")
                continue
            if target not in table.may[module]:
                kind = "upward" if table.layer[target] > table.layer[module] else "unlisted"
                errors.append(f"{where}: {kind} edge: {module} (layer {table.layer[module]}) may not "
                              f"include {target} (layer {table.layer[target]})")
                continue
            headers = table.may[module][target]
            if headers is not None and name.split("/")[-1] not in headers:
                errors.append(f"{where}: of {target}, {module} may include "
                              f"{', '.join(sorted(headers))} only")
    return errors, len(files), edges


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    errors, files, edges = check(root)
    for error in errors:
        print(error)
    if errors:
        print(f"layers: {len(errors)} errors")
        return 1
    print(f"layers: {edges} includes in {files} files agree with ARCHITECTURE.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
