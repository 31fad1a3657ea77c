"""Runs an engine that is a Python module for hone; see src/workers/protocol.h.

    python3 -c THIS_FILE onnxruntime

An engine is a class below: open() loads a model, feed() takes the inputs, run() computes.
"""
import sys
# Modules of the working folder are somebody's data, not part of this program.
sys.path[:] = [folder for folder in sys.path if folder]
# pylint: disable=wrong-import-position
import json
import math
import mmap
import os
import resource
import struct
import time

PROTOCOL = 2
MOST_SAMPLES = 20_000
SHARED = 3


def memory_of(field):
    """Not getrusage: its figure begins with what the process that started this one had."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024


def peak_memory():
    return memory_of("VmHWM")


def switches():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class OnnxRuntime:
    DTYPES = {"tensor(float)": "f32", "tensor(double)": "f64", "tensor(float16)": "f16",
              "tensor(int8)": "i8", "tensor(uint8)": "u8", "tensor(int16)": "i16",
              "tensor(uint16)": "u16", "tensor(int32)": "i32", "tensor(uint32)": "u32",
              "tensor(int64)": "i64", "tensor(uint64)": "u64", "tensor(bool)": "bool"}

    def __init__(self):
        import numpy
        import onnxruntime
        self.numpy, self.module, self.version = numpy, onnxruntime, onnxruntime.__version__
        self.session, self.feeds = None, {}

    def open(self, path, threads):
        options = self.module.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = self.module.InferenceSession(path, options,
                                                    providers=["CPUExecutionProvider"])
        return [{"name": x.name, "dtype": self.DTYPES.get(x.type, x.type),
                 "shape": [n if isinstance(n, int) else -1 for n in x.shape]}
                for x in self.session.get_inputs()]

    def feed(self, tensors, memory):
        names = {v: k for k, v in self.NUMPY.items()}
        self.feeds = {t["name"]: self.numpy.frombuffer(
            memory, names[t["dtype"]], math.prod(t["shape"]), t["offset"]
        ).reshape(t["shape"]).copy() for t in tensors}

    def run(self):
        return self.session.run(None, self.feeds)

    def outputs(self, values):
        return [(x.name, self.NUMPY.get(v.dtype.name, v.dtype.name), v.shape,
                 self.numpy.ascontiguousarray(v).tobytes())
                for x, v in zip(self.session.get_outputs(), values)]

    NUMPY = {"float32": "f32", "float64": "f64", "float16": "f16", "int8": "i8", "uint8": "u8",
             "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32", "int64": "i64",
             "uint64": "u64", "bool": "bool"}


ENGINES = {"onnxruntime": OnnxRuntime}


class Worker:
    def __init__(self, module):
        self.memory = mmap.mmap(SHARED, os.fstat(SHARED).st_size)
        self.module = module
        self.engine = None

    def hello(self, _):
        self.engine = ENGINES[self.module]()
        return {"engine": self.module, "version": self.engine.version, "protocol": PROTOCOL,
                "idle_memory_bytes": peak_memory()}

    def open(self, request):
        begin = time.perf_counter()
        inputs = self.engine.open(request["path"], request["threads"])
        return {"load_s": time.perf_counter() - begin, "inputs": inputs}

    def feed(self, request):
        self.engine.feed(request["inputs"], self.memory)
        return {}

    def run(self, request):
        begin = time.perf_counter()
        values = self.engine.run()
        first = time.perf_counter() - begin
        at, tensors = request["room"], []
        for name, dtype, shape, content in self.engine.outputs(values):
            self.memory[at:at + len(content)] = content
            tensors.append({"name": name, "dtype": dtype, "shape": list(shape), "offset": at,
                            "bytes": len(content)})
            at += -(-len(content) // 64) * 64
        return {"first_s": first, "outputs": tensors}

    def bench(self, request):
        wall, cpu, switched, engine = [], [], [], self.engine
        enough = time.perf_counter_ns() + int(request["seconds"] * 1e9)
        while len(wall) < request["samples"] or (time.perf_counter_ns() < enough and
                                                 len(wall) < MOST_SAMPLES):
            switches_before, cpu_before = switches(), time.process_time_ns()
            begin = time.perf_counter_ns()
            for _ in range(request["runs"]):
                engine.run()
            end = time.perf_counter_ns()
            cpu.append(time.process_time_ns() - cpu_before)
            switched.append(switches() - switches_before)
            wall.append(end - begin)
        return {"samples_ns": wall, "cpu_ns": cpu, "switches": switched}

    def memory_bytes(self, _):
        return {"peak_memory_bytes": peak_memory(),
                "resident_memory_bytes": memory_of("VmRSS")}

    CALLS = {"hello": hello, "open": open, "feed": feed, "run": run, "bench": bench,
             "memory": memory_bytes}

    def answer(self, request):
        try:
            return self.CALLS[request["call"]](self, request)
        except Exception as error:  # whatever the engine throws is the answer
            return {"error": f"{type(error).__name__}: {error}"[:2000]}


def main():
    # What the engine prints must not get between the frames.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    while True:
        head = requests.read(4)
        if len(head) < 4:
            return
        size, = struct.unpack("<I", head)
        reply = json.dumps(worker.answer(json.loads(requests.read(size)))).encode()
        replies.write(struct.pack("<I", len(reply)) + reply)
        replies.flush()


main()
