#!/usr/bin/env python3
"""Runs a command, then prints its wall time, processor time and peak memory.

    timed.py COMMAND…
"""
import resource
import subprocess
import sys
import time


def main():
    start = time.monotonic()
    status = subprocess.call(sys.argv[1:])
    wall = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"wall time {wall:.2f} s, processor time {used.ru_utime + used.ru_stime:.2f} s, "
          f"peak memory {used.ru_maxrss * 1024 / 1e6:.0f} MB")
    return status


if __name__ == "__main__":
    sys.exit(main())
