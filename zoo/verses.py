"""The text that the language models of the zoo learn from: the King James Version of the Bible.

    python3 verses.py --out DIR      writes training.txt, validation.txt and heldout.txt

The text is of 1611 and in the public domain; it is read from the Debian packages bible-kjv-text
(the text) and bible-kjv (the program that unpacks it). A chapter is its name on a line, then a verse
on each line:

    Jonah 1
    Now the word of the LORD came unto Jonah the son of Amittai, saying,
    Arise, go to Nineveh, ...

Some chapters are never trained on: those of VALIDATION, on which settings were chosen, and those of
HELD_OUT, on which the cards state their figures. The latter lie in data/verses_heldout.txt.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

HELD_OUT_FILE = Path(__file__).resolve().parent / "data" / "verses_heldout.txt"
PACKAGES = "bible-kjv bible-kjv-text"
SHA256 = "f1ec5ec265087fedce789e63371662e61688c2a30a4bbc814ef37cb70193f973"  # of all chapters
LAST_VERSE = "Rev22:21"

# What the program calls a book, and its name.
BOOKS = {
    "Ge": "Genesis", "Exo": "Exodus", "Lev": "Leviticus", "Num": "Numbers", "Deu": "Deuteronomy",
    "Josh": "Joshua", "Jdgs": "Judges", "Ruth": "Ruth", "1Sm": "1 Samuel", "2Sm": "2 Samuel",
    "1Ki": "1 Kings", "2Ki": "2 Kings", "1Chr": "1 Chronicles", "2Chr": "2 Chronicles",
    "Ezra": "Ezra", "Neh": "Nehemiah", "Est": "Esther", "Job": "Job", "Psa": "Psalm",
    "Prv": "Proverbs", "Eccl": "Ecclesiastes", "SSol": "Song of Solomon", "Isa": "Isaiah",
    "Jer": "Jeremiah", "Lam": "Lamentations", "Eze": "Ezekiel", "Dan": "Daniel", "Hos": "Hosea",
    "Joel": "Joel", "Amos": "Amos", "Obad": "Obadiah", "Jonah": "Jonah", "Mic": "Micah",
    "Nahum": "Nahum", "Hab": "Habakkuk", "Zep": "Zephaniah", "Hag": "Haggai", "Zec": "Zechariah",
    "Mal": "Malachi", "Mat": "Matthew", "Mark": "Mark", "Luke": "Luke", "John": "John",
    "Acts": "Acts", "Rom": "Romans", "1Cor": "1 Corinthians", "2Cor": "2 Corinthians",
    "Gal": "Galatians", "Eph": "Ephesians", "Phi": "Philippians", "Col": "Colossians",
    "1Th": "1 Thessalonians", "2Th": "2 Thessalonians", "1Tim": "1 Timothy", "2Tim": "2 Timothy",
    "Titus": "Titus", "Phmn": "Philemon", "Heb": "Hebrews", "Jas": "James", "1Pet": "1 Peter",
    "2Pet": "2 Peter", "1Jn": "1 John", "2Jn": "2 John", "3Jn": "3 John", "Jude": "Jude",
    "Rev": "Revelation",
}
# First and last chapter: a history, sayings, and one of the later books.
HELD_OUT = {"1 Samuel": (17, 20), "Proverbs": (10, 15), "Acts": (9, 12)}
VALIDATION = {"Judges": (6, 8), "Job": (38, 40), "John": (9, 10)}

VERSE = re.compile(r"([0-9]?[A-Za-z]+?)([0-9]+):([0-9]+) (.*)")


def unpack():
    """All verses as the program prints them, one on a line."""
    program = shutil.which("bible")
    if not program or not Path("/usr/lib/bible.data").exists():
        raise SystemExit("the text is not installed; it comes with\n\n"
                         f"    sudo apt install {PACKAGES}\n")
    printed = subprocess.run([program, "-f"], input=f"Gen1:1-{LAST_VERSE}\nq\n", check=True,
                             capture_output=True, text=True).stdout
    return printed.splitlines()


def chapters():
    """The chapters in order: (book, number, text)."""
    found = {}
    for line in unpack():
        # The program shows the first verse before it asks for any, and its prompt.
        match = VERSE.fullmatch(line)
        if match and match[1] in BOOKS:
            verses = found.setdefault((BOOKS[match[1]], int(match[2])), {})
            verses[int(match[3])] = match[4].strip()
    made = [(book, number, f"{book} {number}\n" + "".join(
        verses[verse] + "\n" for verse in sorted(verses)))
        for (book, number), verses in found.items()]
    digest = hashlib.sha256("\n".join(text for _, _, text in made).encode()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"the installed text is not the one that the models were made for: its "
                         f"SHA-256 is {digest}, expected {SHA256} (bible-kjv-text 4.38)")
    return made


def split():
    """Lists of chapters: of training, validation and held-out text."""
    parts = {"training": [], "validation": [], "heldout": []}
    for book, number, text in chapters():
        def within(ranges):
            first, last = ranges.get(book, (0, -1))
            return first <= number <= last
        name = ("heldout" if within(HELD_OUT) else
                "validation" if within(VALIDATION) else "training")
        parts[name].append(text)
    return parts


def joined(texts):
    """Chapters as one text, with an empty line between them."""
    return "\n".join(texts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, texts in split().items():
        text = joined(texts)
        (arguments.out / f"{name}.txt").write_text(text)
        print(f"{name}.txt: {len(texts)} chapters, {len(text):,} bytes")


if __name__ == "__main__":
    main()
