"""Runs the hone binary for tests, in a fresh folder each, and makes the files that they need."""
import ast
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HONE = os.environ.get("HONE", str(ROOT / "build/release/hone"))
CNN = ROOT / "zoo/digits_cnn/model.onnx"
CNN_DATA = ROOT / "zoo/digits_cnn/test_data_set_0"
VIT = ROOT / "zoo/digits_vit/model.onnx"
VIT_DATA = ROOT / "zoo/digits_vit/test_data_set_0"

# y = x + 1, and a second input of a symbolic size.
ADD = """hone 1
symbol N: call
graph main(x: f32[2,2], "odd=name": f32[N]) -> (y, z) {
  y: f32[2,2] = add(x, f32{1})
  z: f32[N] = neg("odd=name")
}
"""


def write_npy(path, descr, shape, payload):
    header = repr({"descr": descr, "fortran_order": False, "shape": tuple(shape)})
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    Path(path).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
                           header.encode() + payload)


def write_floats(path, shape, values):
    write_npy(path, "<f4", shape, struct.pack(f"<{len(values)}f", *values))


def read_npy(path):
    """(descr, shape, payload)"""
    data = Path(path).read_bytes()
    assert data[:6] == b"\x93NUMPY", path
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    return header["descr"], list(header["shape"]), data[10 + size:]


def read_floats(path):
    descr, _, payload = read_npy(path)
    assert descr == "<f4", descr
    return list(struct.unpack(f"<{len(payload) // 4}f", payload))


def _varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def message(*fields):
    """A protobuf message of (number, value) pairs; values are integers, texts or bytes."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(value)) + value
    return out


def external_onnx(location, count=32):
    """An ONNX model y = x + w whose w: f32[count] lies in the file `location`."""
    floats = message((1, message((1, 1), (2, message((1, message((1, count))))))))
    external = [(13, message((1, key), (2, value)))
                for key, value in (("location", location), ("length", str(4 * count)))]
    weights = message((1, count), (2, 1), (8, "w"), *external, (14, 1))
    graph = message((1, message((1, "x"), (1, "w"), (2, "y"), (4, "Add"))), (2, "g"),
                    (5, weights), (11, message((1, "x"), (2, floats))),
                    (12, message((1, "y"), (2, floats))))
    return message((1, 8), (7, graph), (8, message((2, 17))))


def plain_environment():
    """Without settings of hone."""
    return {k: v for k, v in os.environ.items() if not k.startswith("HONE")}


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)

    def error(self):
        return json.loads(self.err)["error"]


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hone_cli_"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.caches = Path(tempfile.mkdtemp(prefix="hone_caches_"))  # the user's cache folder
        self.addCleanup(shutil.rmtree, self.caches)

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def run_any(self, *words, environment=None):
        done = subprocess.run([HONE, *map(str, words)], capture_output=True, text=True,
                              cwd=self.folder,
                              env={**plain_environment(), "XDG_CACHE_HOME": str(self.caches),
                                   **(environment or {})}, timeout=120)
        self.assertGreaterEqual(done.returncode, 0, f"a signal ended {words}: {done.stderr}")
        return Result(done)

    def hone(self, *words, code=0, environment=None):
        result = self.run_any(*words, environment=environment)
        self.assertEqual(result.code, code, f"{words}\n{result.out}\n{result.err}")
        return result

    def refused(self, *words, error, code=3, environment=None):
        """The command fails with this code, one clear message, and nothing on standard output."""
        result = self.hone(*words, code=code, environment=environment)
        self.assertIn(f"[{error}]", result.err)
        self.assertIn("hint: ", result.err)
        self.assertEqual(result.out, "")
        as_json = self.hone(*words, "--json", code=code, environment=environment)
        self.assertEqual(as_json.error()["code"], error)
        self.assertEqual(as_json.error()["exit_code"], code)
        return result
