"""Reads and writes files of named arrays: safetensors, and GGUF, which this only writes."""

import json
import struct

import numpy as np

SAFETENSORS_NAMES = {np.dtype("float16"): "F16", np.dtype("float32"): "F32",
                     np.dtype("int64"): "I64"}
GGUF_VERSION, GGUF_ALIGNMENT = 3, 32
GGUF_TENSORS = {np.dtype("float32"): 0, np.dtype("float16"): 1}
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # types of metadata


def write_safetensors(path, tensors):
    """Writes named arrays: header length (8 bytes, little endian), JSON header, then the data."""
    header, chunks, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor).tobytes()
        header[name] = {"dtype": SAFETENSORS_NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        chunks.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data starts at a multiple of eight
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def read_safetensors(path):
    """The named arrays of a file that `write_safetensors` wrote."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    types = {name: dtype for dtype, name in SAFETENSORS_NAMES.items()}
    tensors = {}
    for name, entry in json.loads(content[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(content[begin:end],
                                          types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def _text(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value):
    """A value of the metadata, its type in front. Lists hold texts or integers."""
    if isinstance(value, bool):
        return struct.pack("<IB", BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", U32, value)
    if isinstance(value, float):
        return struct.pack("<If", F32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_text, value))
    return struct.pack(f"<IIQ{len(value)}i", ARRAY, I32, len(value), *value)


def write_gguf(path, metadata, tensors):
    """Writes a GGUF file: counts, metadata, names with shapes and offsets, then the data."""
    def padding(size):
        return b"\0" * (-size % GGUF_ALIGNMENT)
    parts = [b"GGUF", struct.pack("<IQQ", GGUF_VERSION, len(tensors), len(metadata))]
    parts += [_text(key) + _value(value) for key, value in metadata.items()]
    chunks, offset = [], 0
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor).tobytes()
        # Extents are listed from the innermost.
        parts.append(_text(name) + struct.pack(f"<I{tensor.ndim}Q", tensor.ndim,
                                               *reversed(tensor.shape)))
        parts.append(struct.pack("<IQ", GGUF_TENSORS[tensor.dtype], offset))
        chunks.append(data + padding(len(data)))
        offset += len(chunks[-1])
    header = b"".join(parts)
    path.write_bytes(header + padding(len(header)) + b"".join(chunks))
