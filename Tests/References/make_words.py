#!/usr/bin/env python3
"""How BERT's tokenizer takes a text apart before it looks into its vocabulary, by the original (Hugging Face's tokenizers).

usage: make_words.py OUTDIR SEED

`characters.json`: for every Unicode scalar value c but NUL, in runs [first, last, kind], what becomes of a<c>b: one word ab
(removed), the words a and b (blank), three words (apart), one longer word (inside).
`words.json`: texts of characters that decompose, change their case, or are one of the above, and their words, with each setting.
"""
import importlib.metadata
import itertools
import os
import unicodedata

import make_references as refs  # reads OUTDIR and SEED from the same arguments
from tokenizers import normalizers, pre_tokenizers

refs.versions = lambda: {"tokenizers": importlib.metadata.version("tokenizers")}
SPLIT = pre_tokenizers.BertPreTokenizer()


def words(text, **settings):
    normalizer = normalizers.BertNormalizer(clean_text=True, **settings)
    return [word for word, _ in SPLIT.pre_tokenize_str(normalizer.normalize_str(text))]


def kind(c):
    found = words(f"a{chr(c)}b", handle_chinese_chars=True, strip_accents=True, lowercase=True)
    return {1: "removed" if found == ["ab"] else "inside", 2: "blank", 3: "apart"}[len(found)]


def main():
    name = "words"
    d, rng = refs.case_dir(name), refs.rng("data", "words")
    scalars = [*range(1, 0xD800), *range(0xE000, 0x110000)]
    runs = []
    for c in scalars:
        k = kind(c)
        if runs and runs[-1][1] == c - 1 and runs[-1][2] == k:
            runs[-1][1] = c
        else:
            runs.append([c, c, k])
    with open(os.path.join(d, "characters.json"), "w") as f:
        f.write("[" + ",\n".join(str(r).replace("'", '"') for r in runs) + "]\n")

    # Characters that are older than any table in use.
    old = [c for c in scalars if unicodedata.ucd_3_2_0.category(chr(c))[0] not in "C"]
    changed = [c for c in old if chr(c).lower() != chr(c) or unicodedata.normalize("NFD", chr(c)) != chr(c)]
    marks = [c for c in old if unicodedata.combining(chr(c))]
    apart = [a for a, b, k in runs if k == "apart"]
    pools = [changed, changed, marks, list(range(0x20, 0x7F)), apart, old, [0x130, 0x131, 0xDF, 0x1E9E, 0x3A3, 0x1C5, 0x212B, 0xAC01]]
    records = []
    for lower, strip, chinese in itertools.product([True, False], [None, True, False], [True, False]):
        settings = dict(lowercase=lower, strip_accents=strip, handle_chinese_chars=chinese)
        for _ in range(12):
            text = "".join(chr(pool[rng.integers(len(pool))]) for pool in (pools[rng.integers(len(pools))] for _ in range(60)))
            records.append(dict(settings, text=text, words=words(text, **settings)))
    refs.jdump(os.path.join(d, "words.json"), records)
    refs.finish(d, case=name, cls="tokenizers.normalizers.BertNormalizer and pre_tokenizers.BertPreTokenizer",
                description="what becomes of each character, and of texts of odd ones, before WordPiece", tolerance={"words": "exact"})


main()
