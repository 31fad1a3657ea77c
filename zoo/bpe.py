"""Byte-level BPE: learns merges from a text, encodes with them, and writes them as `tokenizer.json`.

A text is split into words as GPT-2 does it, each byte of a word begins as a token of its own, and the
pair that was merged first in training is merged first in encoding. Words here are split by ASCII
classes, which is the same for texts without other characters; `encode` refuses the others.
"""

import heapq
import json
import re
from collections import Counter, defaultdict

END = "<|endoftext|>"  # before a text, and after it
WORDS = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def byte_characters():
    """A printable character for each byte, as files of byte-level vocabularies spell them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in spelled)
    spelled.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    return spelled


def count_words(text):
    """How often each word occurs, by its bytes as characters."""
    spelled = byte_characters()
    return Counter({"".join(spelled[byte] for byte in word.encode()): count
                    for word, count in Counter(WORDS.findall(text)).items()})


def merged(symbols, pair, whole):
    """The symbols with each occurrence of the pair as one, `whole`, from the left."""
    result, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            result.append(whole)
            i += 2
        else:
            result.append(symbols[i])
            i += 1
    return result


def learn_merges(counts, count, join=lambda pair: "".join(pair)):
    """The `count` most frequent pairs, one after another; of equals the first in the alphabet.

    `counts` tells of each word, a sequence of symbols, how often it occurs.
    """
    words = [(list(word), times) for word, times in sorted(counts.items())]
    times_of, places = Counter(), defaultdict(set)
    for index, (symbols, times) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            times_of[pair] += times
            places[pair].add(index)
    # Entries of the heap can be out of date: a pair counts as often as `times_of` says.
    heap = [(-times, pair) for pair, times in times_of.items()]
    heapq.heapify(heap)
    merges = []
    while len(merges) < count and heap:
        times, pair = heapq.heappop(heap)
        if -times != times_of[pair]:
            continue
        merges.append(pair)
        changed = set()
        for index in sorted(places.pop(pair)):
            symbols, times = words[index]
            for old in zip(symbols, symbols[1:]):
                times_of[old] -= times
                changed.add(old)
            symbols = merged(symbols, pair, join(pair))
            words[index] = symbols, times
            for new in zip(symbols, symbols[1:]):
                times_of[new] += times
                places[new].add(index)
                changed.add(new)
        for other in changed:
            if times_of[other] > 0:
                heapq.heappush(heap, (-times_of[other], other))
    return merges


class Tokenizer:
    """Tokens in the order of their ids: the 256 bytes, what merges make, and END."""

    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.tokens = [*byte_characters().values(), *("".join(pair) for pair in self.merges), END]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens)
        self.end = self.ids[END]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.spelled = byte_characters()
        self.bytes_of = {character: byte for byte, character in self.spelled.items()}
        self.known = {}

    @classmethod
    def learn(cls, text, vocabulary):
        return cls(learn_merges(count_words(text), vocabulary - 257))

    def _word(self, word):
        symbols = [self.spelled[byte] for byte in word.encode()]
        while len(symbols) > 1:
            pair = min(zip(symbols, symbols[1:]), key=lambda p: self.rank.get(p, len(self.rank)))
            if pair not in self.rank:
                break
            symbols = merged(symbols, pair, "".join(pair))
        return [self.ids[symbol] for symbol in symbols]

    def encode(self, text):
        """The ids of a text, without END."""
        if not text.isascii():
            raise ValueError("texts other than ASCII are split into words by other rules")
        ids = []
        for word in WORDS.findall(text):
            if word not in self.known:
                self.known[word] = self._word(word)
            ids += self.known[word]
        return ids

    def decode(self, ids):
        """The text of the ids, without END."""
        characters = "".join(self.tokens[i] for i in ids if i != self.end)
        return bytes(self.bytes_of[c] for c in characters).decode(errors="replace")

    def merge_lines(self):
        """Merges as files have them."""
        return [" ".join(pair) for pair in self.merges]

    def to_json(self):
        """The content of `tokenizer.json`: END begins each text."""
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                      "use_regex": True}
        return {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": self.end, "content": END, "single_word": False,
                              "lstrip": False, "rstrip": False, "normalized": False,
                              "special": True}],
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": END, "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"SpecialToken": {"id": END, "type_id": 0}},
                         {"Sequence": {"id": "A", "type_id": 0}},
                         {"SpecialToken": {"id": END, "type_id": 1}},
                         {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {END: {"id": END, "ids": [self.end], "tokens": [END]}}},
            "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None,
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": self.ids, "merges": self.merge_lines()}}

    @classmethod
    def from_json(cls, path):
        merges = json.loads(path.read_text())["model"]["merges"]
        return cls(tuple(line.split(" ")) for line in merges)
