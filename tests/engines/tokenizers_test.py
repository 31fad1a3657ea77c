#!/usr/bin/env python3
"""Ids and texts of `hone tokenize` and of Hugging Face's tokenizers, compared on random Unicode.

    tokenizers_test.py HONE [TOKENIZER.json ...]

ENGINES_PYTHON names a Python that has tokenizers; without it the test is skipped. Small tokenizers of
every kind are trained on the pages of this project and compared, then those that are named.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEXTS = 150  # for each tokenizer
SEED = 20

RANGES = [(0x20, 0x7e, 30), (0x20, 0x20, 8), (0xa0, 0x17f, 3), (0x300, 0x36f, 3), (0x370, 0x4ff, 2),
          (0x590, 0x6ff, 2), (0x900, 0x9ff, 2), (0xe00, 0xe7f, 1), (0x1100, 0x11ff, 1),
          (0x1e00, 0x1fff, 2), (0x2000, 0x206f, 3), (0x2070, 0x22ff, 2), (0x2581, 0x2581, 1),
          (0x3000, 0x30ff, 2), (0x4e00, 0x4fff, 3), (0xac00, 0xacff, 2), (0xf900, 0xfaff, 1),
          (0xfb00, 0xfdff, 1), (0xff00, 0xffef, 2), (0x1d400, 0x1d4ff, 1), (0x1f600, 0x1f64f, 2),
          (0x1f1e6, 0x1f1ff, 1), (0x200d, 0x200d, 1), (0xfe0f, 0xfe0f, 1), (0x9, 0x9, 1),
          (0x20000, 0x20010, 1)]


def known(char):
    """Is it a character of Unicode 14, which all sides agree on?"""
    import unicodedata
    return unicodedata.category(char) not in ("Cn", "Cs")


def random_text(rng, words, extra):
    """Words, special tokens and characters of all scripts; no ends of lines."""
    pieces = []
    for _ in range(rng.randrange(1, 12)):
        kind = rng.random()
        if kind < 0.35:
            pieces.append(rng.choice(words))
        elif kind < 0.42 and extra:
            pieces.append(rng.choice(extra))
        elif kind < 0.5:
            pieces.append(rng.choice([" ", "  ", "   ", "'s", "'LL", "don't", "1234567", "\t", "...", "?!"]))
        else:
            for _ in range(rng.randrange(1, 6)):
                low, high, _ = rng.choices(RANGES, [w for _, _, w in RANGES])[0]
                char = chr(rng.randrange(low, high + 1))
                if known(char):
                    pieces.append(char)
        if rng.random() < 0.6:
            pieces.append(" ")
    return "".join(pieces)


def corpus():
    pages = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
    lines = "\n".join(p.read_text() for p in pages).split("\n")
    return lines + ["naïve café ÅNGSTRÖM Ελληνικά русский язык 漢字かな交じり文 한국어 😀😃 ﬁne ½"] * 3


def trained():
    """(name, tokenizer) of every kind."""
    from tokenizers import (Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                            processors, trainers)
    lines = corpus()
    special = ["<s>", "</s>", "<unk>", "<pad>", "<|end|>"]

    def made(model, trainer, normalizer=None, pre=None, decoder=None, post=None):
        tokenizer = Tokenizer(model)
        if normalizer:
            tokenizer.normalizer = normalizer
        if pre:
            tokenizer.pre_tokenizer = pre
        if decoder:
            tokenizer.decoder = decoder
        tokenizer.train_from_iterator(lines, trainer)
        if post:
            tokenizer.post_processor = post(tokenizer)
        return tokenizer

    def bytes_trainer(**more):
        return trainers.BpeTrainer(vocab_size=900, special_tokens=special, show_progress=False,
                                   initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **more)

    def pieces(prefix="##"):
        return trainers.WordPieceTrainer(vocab_size=700, special_tokens=["[UNK]", "[CLS]", "[SEP]"],
                                         continuing_subword_prefix=prefix, show_progress=False)

    def template(t):
        return processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[(s, t.token_to_id(s)) for s in ("<s>", "</s>")])

    llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
              r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    cased = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
             r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
             r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    split, byte_level, sequence = pre_tokenizers.Split, pre_tokenizers.ByteLevel, pre_tokenizers.Sequence
    yield "gpt2", made(models.BPE(), bytes_trainer(), pre=byte_level(add_prefix_space=False),
                       decoder=decoders.ByteLevel())
    yield "gpt2_prefix", made(models.BPE(), bytes_trainer(), pre=byte_level(add_prefix_space=True),
                              decoder=decoders.ByteLevel(), post=template)
    yield "llama3", made(models.BPE(ignore_merges=True), bytes_trainer(), normalizers.NFC(),
                         sequence([split(Regex(llama3), "isolated"),
                                   byte_level(add_prefix_space=False, use_regex=False)]),
                         decoders.ByteLevel())
    yield "tekken", made(models.BPE(), bytes_trainer(), None,
                         sequence([split(Regex(cased), "isolated"),
                                   byte_level(add_prefix_space=False, use_regex=False)]),
                         decoders.ByteLevel())
    yield "digits", made(models.BPE(), bytes_trainer(), normalizers.NFKC(),
                         sequence([pre_tokenizers.Digits(individual_digits=True),
                                   byte_level(add_prefix_space=False)]), decoders.ByteLevel())
    yield "llama", made(
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        trainers.BpeTrainer(vocab_size=900, show_progress=False, special_tokens=special +
                            [f"<0x{b:02X}>" for b in range(256)]),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                           decoders.Strip(" ", 1, 0)]), template)
    yield "metaspace_bpe", made(
        models.BPE(unk_token="<unk>"),
        trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False), None,
        pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Metaspace(prepend_scheme="first"))
    yield "clip", made(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
        bytes_trainer(end_of_word_suffix="</w>"),
        normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                              normalizers.Lowercase()]),
        sequence([split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"),
                        "removed", invert=True), byte_level(add_prefix_space=False)]),
        decoders.Sequence([decoders.ByteLevel(), decoders.BPEDecoder(suffix="</w>")]))
    yield "bert", made(models.WordPiece(unk_token="[UNK]"), pieces(), normalizers.BertNormalizer(),
                       pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(),
                       lambda t: processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")),
                                                           ("[CLS]", t.token_to_id("[CLS]"))))
    yield "bert_cased", made(models.WordPiece(unk_token="[UNK]"), pieces(),
                             normalizers.BertNormalizer(lowercase=False),
                             sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()]),
                             decoders.WordPiece(cleanup=False))
    yield "words", made(models.WordLevel(unk_token="<unk>"),
                        trainers.WordLevelTrainer(special_tokens=special, show_progress=False),
                        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(),
                                              normalizers.Lowercase(), normalizers.Strip()]),
                        pre_tokenizers.WhitespaceSplit())
    yield "unigram", made(
        models.Unigram(),
        trainers.UnigramTrainer(vocab_size=600, special_tokens=special, unk_token="<unk>",
                                show_progress=False), normalizers.NFKC(),
        pre_tokenizers.Metaspace(), decoders.Metaspace(), template)
    for behavior in ("isolated", "merged_with_previous", "merged_with_next", "contiguous", "removed"):
        yield "split_" + behavior, made(
            models.WordPiece(unk_token="[UNK]"), pieces(""), normalizers.Nmt(),
            sequence([split(Regex(r"[aeiou]"), behavior), split(" ", behavior)]),
            decoders.WordPiece(prefix=""))


def hone(binary, path, inputs, *flags):
    done = subprocess.run([binary, "tokenize", path, "--lines", "--json", *flags],
                          input="\n".join(inputs) + "\n", capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"hone tokenize {path}: {done.stderr}")
    return json.loads(done.stdout)["results"]


def compare(binary, name, tokenizer, path, words):
    """How many texts differ."""
    rng = random.Random(SEED)
    added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    texts = [random_text(rng, words, added[:20]) for _ in range(TEXTS)]
    texts = [t for t in texts if "\n" not in t and "\r" not in t]
    bad = 0
    for special in (True, False):
        flags = [] if special else ["--no-special"]
        want = [tokenizer.encode(t, add_special_tokens=special).ids for t in texts]
        got = [r["ids"] for r in hone(binary, path, texts, *flags)]
        for text, a, b in zip(texts, want, got, strict=True):
            if a != b:
                bad += 1
                if bad <= 3:
                    print(f"{name}: {text!r}\n  tokenizers {a}\n  hone       {b}")
        want_texts = [tokenizer.decode(ids, skip_special_tokens=not special) for ids in want]
        got_texts = hone(binary, path, [" ".join(map(str, ids)) for ids in want], "--decode", *flags)
        for ids, a, b in zip(want, want_texts, got_texts, strict=True):
            # Bytes that are no characters stay as they are in hone.
            if "\ufffd" not in a and a != b["text"]:
                bad += 1
                if bad <= 3:
                    print(f"{name}: {ids}\n  tokenizers {a!r}\n  hone       {b['text']!r}")
    return bad


def compare_all(binary, paths):
    from tokenizers import Tokenizer
    words = [w for line in corpus() for w in line.split(" ") if w]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, tokenizer in trained():
            path = Path(folder) / f"{name}.json"
            tokenizer.save(str(path))
            bad = compare(binary, name, Tokenizer.from_file(str(path)), path, words)
            print(f"{name}: {bad} differ" if bad else f"{name}: equal")
            failed += bad > 0
    for path in paths:
        bad = compare(binary, path.name, Tokenizer.from_file(str(path)), path, words)
        print(f"{path.name}: {bad} differ" if bad else f"{path.name}: equal")
        failed += bad > 0
    return failed


def main():
    python = os.environ.get("ENGINES_PYTHON")
    if not python:
        print("skipped: ENGINES_PYTHON names no Python with tokenizers")
        return 77
    if sys.argv[1] != "--inside":
        check = subprocess.run([python, "-c", "import tokenizers"], capture_output=True, text=True)
        if check.returncode != 0:
            print(f"skipped: {python} has no tokenizers")
            return 77
        return subprocess.run([python, __file__, "--inside", *sys.argv[1:]]).returncode
    return 1 if compare_all(sys.argv[2], [Path(p) for p in sys.argv[3:] if Path(p).exists()]) else 0


if __name__ == "__main__":
    sys.exit(main())
