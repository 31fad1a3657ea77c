#!/usr/bin/env python3
"""Compares an example with the block of a page that shows it: example_test.py EXAMPLE PAGE"""
import sys
from pathlib import Path

example, page = (Path(p).read_text() for p in sys.argv[1:3])
if f"```cpp\n{example}```\n" not in page:
    sys.exit(f"{sys.argv[2]} does not show {sys.argv[1]} as it is")
