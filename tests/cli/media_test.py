"""Images and recordings as inputs of `hone run`."""
import struct
import unittest
import zlib
from pathlib import Path

from harness import CNN, CommandTest, read_npy, write_floats

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
CHANNELS = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}


def chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content +
            struct.pack(">I", zlib.crc32(kind + content)))


def png(width, height, colour, samples, bits=8):
    """Rows from the top of pixels of samples."""
    row = width * CHANNELS[colour]
    lines = [struct.pack(f">{row}{'BH'[bits == 16]}", *samples[y * row:(y + 1) * row])
             for y in range(height)]
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines))) +
            chunk(b"IEND", b""))


def wav(data, channels=1, bits=16, form=1):
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", form, channels, 16000, 16000 * frame, frame, bits)
    body = (b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" +
            struct.pack("<I", len(data)) + data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


class Media(CommandTest):
    def model(self, shape, dtype="f32", symbols=()):
        """A model that hands its input on."""
        lines = "".join(f"symbol {s}: call\n" for s in symbols)
        self.write("m.ir", f"hone 1\n{lines}graph main(x: {dtype}[{shape}]) -> "
                           "(y = identity(x)) {}\n")

    def elements(self, file, *flags):
        """Shape and elements of the input that the file becomes."""
        self.hone("run", "m.ir", "--input", f"x={file}", "-o", "out", *flags)
        descr, shape, payload = read_npy(self.path("out/output_0.npy"))
        code = {"<f4": "f", "<f8": "d", "|u1": "B", "<i2": "h", "<i4": "i", "<i8": "q"}[descr]
        return shape, list(struct.unpack(f"<{len(payload) // struct.calcsize(code)}{code}", payload))


class Image(Media):
    def test_layouts(self):
        self.write("x.png", png(3, 2, RGB, range(18)))
        first = [c + 3 * i for c in range(3) for i in range(6)]  # planes of colours
        for shape, expected in (("1,3,2,3", first), ("3,2,3", first), ("1,2,3,3", list(range(18))),
                                ("2,3,3", list(range(18)))):
            self.model(shape, "u8")
            self.assertEqual(self.elements("x.png"),
                             ([int(n) for n in shape.split(",")], expected))

    def test_the_size_tells_the_layout(self):
        self.write("wide.png", png(4, 3, GREY, range(12)))
        self.model("1,3,4,4", "u8")  # three colours of 4 x 4, or four channels of 4 x 3
        self.assertEqual(self.elements("wide.png")[1][:8], [0, 0, 0, 255, 1, 1, 1, 255])
        self.write("square.png", png(4, 4, GREY, range(16)))
        self.assertEqual(self.elements("square.png")[1], list(range(16)) * 3)

    def test_symbolic_sizes(self):
        self.write("x.png", png(3, 2, RGB, range(18)))
        self.model("N,C,H,W", "u8", "NCHW")
        self.assertEqual(self.elements("x.png")[0], [1, 3, 2, 3])
        self.assertEqual(self.elements("x.png", "--bind", "H=2", "--bind", "W=3")[0], [1, 3, 2, 3])
        self.model("N,H,W,3", "u8", "NHW")
        self.assertEqual(self.elements("x.png")[0], [1, 2, 3, 3])
        self.model("H,W", "u8", "HW")
        self.assertEqual(self.elements("x.png")[0], [2, 3])

    def test_channels(self):
        for colour, samples, grey, rgb, rgba in (
                (GREY, [7], [7], [7, 7, 7], [7, 7, 7, 255]),
                (GREY_ALPHA, [7, 9], [7], [7, 7, 7], [7, 7, 7, 9]),
                (RGB, [200, 100, 50], [124], [200, 100, 50], [200, 100, 50, 255]),
                (RGBA, [200, 100, 50, 9], [124], [200, 100, 50], [200, 100, 50, 9])):
            self.write("x.png", png(1, 1, colour, samples))
            for channels, expected in ((1, grey), (3, rgb), (4, rgba)):
                self.model(f"1,{channels},1,1", "u8")
                self.assertEqual(self.elements("x.png")[1], expected)

    def test_numbers(self):
        def nearly(actual, expected):
            self.assertEqual(len(actual), len(expected))
            for a, e in zip(actual, expected):
                self.assertAlmostEqual(a, e, places=6)
        self.write("x.png", png(3, 1, GREY, [0, 51, 255]))
        self.write("wide.png", png(3, 1, GREY, [0, 13107, 65535], bits=16))
        for file in ("x.png", "wide.png"):
            for dtype in ("f32", "f64"):
                self.model("1,1,1,3", dtype)
                nearly(self.elements(file)[1], [0, 0.2, 1])
                nearly(self.elements(file, "--pixel-range", "0:255")[1], [0, 51, 255])
                nearly(self.elements(file, "--pixel-range=-1:1")[1], [-1, -0.6, 1])
            for dtype in ("u8", "i32", "i64"):
                self.model("1,1,1,3", dtype)
                self.assertEqual(self.elements(file, "--pixel-range", "0:9")[1], [0, 51, 255])

    def test_a_classifier_reads_its_digit(self):
        pixels = [(7 * i + i * i // 28) % 256 for i in range(28 * 28)]
        self.write("digit.png", png(28, 28, GREY, pixels))
        write_floats(self.path("digit.npy"), [1, 1, 28, 28], [p / 255 for p in pixels])
        self.assertEqual(self.hone("run", CNN, "--input", "image=digit.png").out,
                         self.hone("run", CNN, "--input", "image=digit.npy").out)

    def test_wrong_sizes_name_both(self):
        self.write("x.png", png(3, 2, GREY, range(6)))
        self.model("1,1,28,20")
        result = self.refused("run", "m.ir", "--input", "x=x.png", error="data.mismatch")
        self.assertIn("3 pixels wide and 2 high", result.err)
        self.assertIn("f32[1,1,28,20] takes 20 by 28", result.err)
        self.model("1,1,H,W", symbols="HW")
        result = self.refused("run", "m.ir", "--input", "x=x.png", "--bind", "W=4",
                              error="data.mismatch")
        self.assertIn("takes 4 by any", result.err)

    def test_inputs_that_take_no_image(self):
        self.write("x.png", png(3, 2, GREY, range(6)))
        for shape, dtype in (("1,7,2,3", "f32"), ("2,1,2,3", "f32"), ("6", "f32"), ("*", "f32"),
                             ("1,1,1,2,3", "f32"), ("1,1,2,3", "bool"), ("1,1,2,3", "i8"),
                             ("1,1,2,3", "string"), ("1,1,2,3", "c64")):
            self.model(shape, dtype)
            self.refused("run", "m.ir", "--input", "x=x.png", error="data.mismatch")

    def test_damaged_images(self):
        good = png(3, 2, GREY, range(6))
        self.model("1,1,2,3")
        for size in (4, 10, 30, len(good) - 1):
            self.write("x.png", good[:size])
            self.refused("run", "m.ir", "--input", "x=x.png", error="data.truncated")
        self.write("x.png", good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
        self.refused("run", "m.ir", "--input", "x=x.png", error="data.malformed")
        # Small files that would be large images.
        self.model("1,1,H,W", symbols="HW")
        bomb = good[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 900000, 900000, 8, 0, 0, 0, 0))
        self.write("x.png", bomb + good[33:])
        self.refused("run", "m.ir", "--input", "x=x.png", error="limit.memory", code=4)

    def test_wrong_ranges(self):
        self.write("x.png", png(3, 2, GREY, range(6)))
        self.model("1,1,2,3")
        for text in ("1", "a:b", "0:", ":1", "0:inf", "0:1:2"):
            self.refused("run", "m.ir", "--input", "x=x.png", "--pixel-range", text, error="usage",
                         code=2)


class Recording(Media):
    def test_kinds_of_samples(self):
        self.model("3")
        for data, bits, form in ((b"\0\x80\xc0", 8, 1), (struct.pack("<3h", -32768, 0, 16384), 16, 1),
                                 (b"\0\0\x80\0\0\0\0\0\x40", 24, 1),
                                 (struct.pack("<3i", -1 << 31, 0, 1 << 30), 32, 1),
                                 (struct.pack("<3f", -1, 0, 0.5), 32, 3)):
            self.write("x.wav", wav(data, bits=bits, form=form))
            self.assertEqual(self.elements("x.wav"), ([3], [-1, 0, 0.5]))

    def test_channels_come_first(self):
        self.write("x.wav", wav(struct.pack("<6h", 1, 10, 2, 20, 3, 30), channels=2))
        for shape in ("1,2,3", "2,3"):
            self.model(shape, "i16")
            self.assertEqual(self.elements("x.wav"),
                             ([int(n) for n in shape.split(",")], [1, 2, 3, 10, 20, 30]))
        self.model("C,T", "i16", "CT")
        self.assertEqual(self.elements("x.wav")[0], [2, 3])

    def test_integers_take_their_own_type(self):
        for dtype, data, bits in (("u8", b"\0\x80", 8), ("i32", struct.pack("<2i", -5, 5), 32)):
            self.write("x.wav", wav(data, bits=bits))
            self.model("2", dtype)
            self.elements("x.wav")
            for other in ("i16", "i64"):
                self.model("2", other)
                result = self.refused("run", "m.ir", "--input", "x=x.wav", error="data.mismatch")
                self.assertIn(f"{dtype}, {other} is needed", result.err)

    def test_wrong_sizes_name_both(self):
        self.write("x.wav", wav(bytes(12), channels=2))
        self.model("1,2,8000")
        result = self.refused("run", "m.ir", "--input", "x=x.wav", error="data.mismatch")
        self.assertIn("3 samples long, the input of type f32[1,2,8000] takes 8000", result.err)
        for shape in ("3", "1,1,3"):
            self.model(shape)
            result = self.refused("run", "m.ir", "--input", "x=x.wav", error="data.mismatch")
            self.assertIn("2 channels", result.err)
            self.assertIn("takes 1", result.err)
        self.model("C,T", symbols="CT")
        self.refused("run", "m.ir", "--input", "x=x.wav", "--bind", "T=4", error="data.mismatch")
        self.model("4,1,2,3")
        self.refused("run", "m.ir", "--input", "x=x.wav", error="data.mismatch")

    def test_damaged_recordings(self):
        good = wav(struct.pack("<3h", 1, 2, 3))
        self.model("T", symbols="T")
        for size in (4, 10, 30, len(good) - 1):
            self.write("x.wav", good[:size])
            self.refused("run", "m.ir", "--input", "x=x.wav", error="data.truncated")
        for at in (4, 16, 40):  # of the file, the format, the samples
            self.write("x.wav", good[:at] + b"\xff\xff\xff\xff" + good[at + 4:])
            self.refused("run", "m.ir", "--input", "x=x.wav", error="data.truncated")
        self.write("x.wav", wav(bytes(6), form=2))
        self.refused("run", "m.ir", "--input", "x=x.wav", error="model.unsupported_feature")
        self.write("x.wav", b"RIFF\x04\0\0\0AVI ")
        self.refused("run", "m.ir", "--input", "x=x.wav", error="format.unknown")


class Outputs(Media):
    def test_outputs_are_no_images(self):
        self.model("1,1,2,3")
        self.write("case/input_x.npy", b"")
        self.write("case/output_y.npy", png(3, 2, GREY, range(6)))
        Path(self.path("case/input_x.npy")).write_bytes(png(3, 2, GREY, range(6)))
        self.refused("run", "m.ir", "--check", "case", error="data.mismatch")


if __name__ == "__main__":
    unittest.main()
