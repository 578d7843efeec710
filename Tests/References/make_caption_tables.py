#!/usr/bin/env python3
"""Writes the tables of Sources/Shared/Models/PixArt/Captions/CaptionTables.swift to standard output.

usage: make_caption_tables.py > CaptionTables.swift

Names of HTML 5 and code pages are those of Python's standard library. Which characters are unlikely beside each other is
measured: ftfy is asked about all pairs of the characters that code pages have, those that it treats alike are put into one
class, and then it is asked about three classes in a row (four change nothing but for one pair, which is left out).
"""
import html.entities
import textwrap

from ftfy.badness import is_bad

# In the order in which ftfy tries them; its first is Latin-1, which needs no table.
PAGES = {"windows1252": "cp1252", "windows1251": "cp1251", "windows1250": "cp1250", "windows1253": "cp1253",
         "windows1254": "cp1254", "windows1257": "cp1257", "latin2": "iso8859-2", "macRoman": "mac_roman", "cp437": "cp437"}


def lines(words, width=100):
    indent = " " * 4
    return textwrap.fill(" ".join(words), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def joined(words):
    """One line of the text, several of the source."""
    return lines(words, 98).replace("\n", " \\\n")


def references():
    closed = {name[:-1]: text for name, text in html.entities.html5.items() if name.endswith(";") and name == name.lower()}
    alone = {name for name in html.entities.html5 if not name.endswith(";")}
    return [f"{name}{'!' if name in alone else ''}={'+'.join(f'{ord(c):x}' for c in text)}" for name, text in sorted(closed.items())]


def page(codec):
    texts = [bytes([byte]).decode(codec, "ignore") for byte in range(128, 256)]
    return [f"{ord(text):x}" if text else "." for text in texts]


def is_left_out(text):
    return "\u00C2 " in text


def classes():
    high = {bytes([byte]).decode(codec, "ignore") for codec in [*PAGES.values(), "latin-1"] for byte in range(128, 256)} - {""}
    alphabet = sorted({c for c in high | set(map(chr, range(32, 127))) | {"\t", "\ufffd", "\u2000"} if not is_bad(c)})

    def split(texts_of):
        by_answer = {}
        for c in alphabet:
            by_answer.setdefault(tuple(is_bad(t) for t in texts_of(c) if not is_left_out(t)), []).append(c)
        return list(by_answer.values())

    first = [group[0] for group in split(lambda c: [t for x in alphabet for t in (c + x, x + c)])]
    return split(lambda c: [t for x in first for y in [*first, ""] for t in (c + x + y, x + c + y, x + y + c)])


def runs(group):
    """Hexadecimal first-last."""
    found = []
    for code in map(ord, group):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return [f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in found]


def unlikely(groups):
    """For a class, and for two, the classes that are unlikely to follow."""
    letters = [chr(ord("A") + i) if i < 26 else chr(ord("a") + i - 26) for i in range(len(groups))]
    first = dict(zip(letters, (group[0] for group in groups)))

    def text(word):
        return "".join(first[letter] for letter in word)

    def bad(word):
        return not is_left_out(text(word)) and is_bad(text(word))

    pairs = {a + b for a in letters for b in letters if bad(a + b)}
    triples = {a + b + c for a in letters for b in letters for c in letters
               if not {a + b, b + c} & pairs and bad(a + b + c)}
    follow = {}
    for word in sorted(pairs) + sorted(triples):
        follow.setdefault(word[:-1], []).append(word[-1])
    # Prefixes with the same followers share an entry.
    shared = {}
    for prefix, last in follow.items():
        shared.setdefault("".join(last), []).append(prefix)
    return letters, [f"{','.join(prefixes)}={last}" for last, prefixes in shared.items()]


def main():
    print("// Written by Tests/References/make_caption_tables.py.\n")
    print("/// Tables for the cleaning of captions.\nenum CaptionTables {")
    print("  /// HTML's names in lower case and the code points they stand for; `!`: without `;` too.")
    print(f'  static let references = """\n{lines(references())}\n    """\n')
    print("  /// Code pages, each with the code points of its bytes from 0x80 on; `.`: none.")
    print('  static let codePages = """')
    for name, codec in PAGES.items():
        print(joined([name, *page(codec)]))
    print('    """\n')
    groups = classes()
    letters, rules = unlikely(groups)
    print("  /// Classes of characters that ftfy treats alike, as ranges of code points.")
    print('  static let classes = """')
    for letter, group in zip(letters, groups):
        print(joined([letter, *runs(group)]))
    print('    """\n')
    print("  /// One or two classes (several separated by commas), and those that are unlikely to follow.")
    print(f'  static let unlikely = """\n{lines([w for rule in rules for w in wrapped(rule)])}\n    """\n}}')


def wrapped(rule, width=90):
    """Entries that fit into a line."""
    prefixes, last = rule.split("=")
    entry = []
    for prefix in prefixes.split(","):
        if entry and len(",".join([*entry, prefix])) + len(last) + 1 > width:
            yield f"{','.join(entry)}={last}"
            entry = []
        entry.append(prefix)
    yield f"{','.join(entry)}={last}"


main()
