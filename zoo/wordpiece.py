"""WordPiece: learns a vocabulary from a text, encodes with it, and writes it as `tokenizer.json`.

Texts are in lower case and split at spaces and punctuation, as BERT does it; a word becomes the
longest pieces that the vocabulary has, from the left. Pieces within a word begin with ##. `encode`
takes ASCII only.
"""

import json
import re
from collections import Counter

from bpe import learn_merges

PADDING, UNKNOWN, BEGIN, END, MASK = SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
LONGEST_WORD = 100


def inside(piece):
    return "##" + piece


def join(pair):
    """Two neighbours of a word as one piece; the second is never the first of its word."""
    return pair[0] + pair[1][2:]


class Tokenizer:
    """Tokens in the order of their ids: the special ones, characters, and what was joined."""

    def __init__(self, tokens):
        self.tokens = list(tokens)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens)
        self.padding, self.unknown, self.begin, self.end, self.mask = (
            self.ids[token] for token in SPECIAL)
        self.known = {}

    @classmethod
    def learn(cls, text, vocabulary):
        counts = Counter(WORDS.findall(text.lower()))
        words = {(word[0], *map(inside, word[1:])): times for word, times in counts.items()}
        tokens = SPECIAL + sorted({symbol for word in words for symbol in word})
        known = set(tokens)
        # Different pairs can make the same piece.
        for pair in learn_merges(words, vocabulary, join):
            if len(tokens) == vocabulary:
                break
            if join(pair) not in known:
                known.add(join(pair))
                tokens.append(join(pair))
        return cls(tokens)

    def _word(self, word):
        pieces, at = [], 0
        while at < len(word):
            end = len(word)
            while end > at:
                piece = word[at:end] if at == 0 else inside(word[at:end])
                if piece in self.ids:
                    break
                end -= 1
            if end == at or len(word) > LONGEST_WORD:
                return [self.unknown]
            pieces.append(self.ids[piece])
            at = end
        return pieces

    def encode(self, text):
        """The ids of a text, without BEGIN and END."""
        if not text.isascii():
            raise ValueError("texts other than ASCII are split into words by other rules")
        ids = []
        for word in WORDS.findall(text.lower()):
            if word not in self.known:
                self.known[word] = self._word(word)
            ids += self.known[word]
        return ids

    def to_json(self):
        """The content of `tokenizer.json`."""
        def special(token, kind):
            return {"SpecialToken": {"id": token, "type_id": kind}}

        def sequence(name, kind):
            return {"Sequence": {"id": name, "type_id": kind}}
        return {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": self.ids[token], "content": token, "single_word": False,
                              "lstrip": False, "rstrip": False, "normalized": False,
                              "special": True} for token in SPECIAL],
            "normalizer": {"type": "BertNormalizer", "clean_text": True,
                           "handle_chinese_chars": True, "strip_accents": None,
                           "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [special(BEGIN, 0), sequence("A", 0), special(END, 0)],
                "pair": [special(BEGIN, 0), sequence("A", 0), special(END, 0),
                         sequence("B", 1), special(END, 1)],
                "special_tokens": {token: {"id": token, "ids": [self.ids[token]],
                                           "tokens": [token]} for token in (BEGIN, END)}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": UNKNOWN,
                      "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": LONGEST_WORD, "vocab": self.ids}}

    @classmethod
    def from_json(cls, path):
        ids = json.loads(path.read_text())["model"]["vocab"]
        return cls(sorted(ids, key=ids.get))
