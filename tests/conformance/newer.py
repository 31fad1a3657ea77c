#!/usr/bin/env python3
"""Runs the conformance suite over the node tests of the newest opsets, where they are at hand.

    newer.py HONE_CONFORMANCE CORPORA

CORPORA/onnx-conformance holds the archive; it is unpacked into a temporary folder. Exits 77, which
means skipped, where it is absent.
"""
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    archives = sorted(Path(sys.argv[2], "onnx-conformance").glob("*.tar.xz"))
    if not archives:
        print(f"skipped: there is no archive in {sys.argv[2]}/onnx-conformance")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archives[0]) as archive:
            archive.extractall(folder)
        return subprocess.run([sys.argv[1], "--data", folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
