#!/usr/bin/env python3
"""Tokenizers as transformers 5 saves them (tokenizer.json alone), and their ids of odd prompts.

usage: make_tokenizer_json.py OUTPUT-FOLDER

Makes tokenizer-json/unigram (of the example model's SentencePiece model) and tokenizer-json/wordpiece
(of the vocabulary in wordpiece/tokenizer), each with a token added, and tokens.json beside them.
"""
import json
import sys
from pathlib import Path

from transformers import BertTokenizer, T5Tokenizer

here = Path(__file__).resolve().parent
out = Path(sys.argv[1]) / "tokenizer-json"
model = here.parent.parent / "examples/emoji-pixart/tokenizer"
prompts = [r["prompt"] for r in json.loads((here / "sentencepiece/tokens.json").read_text())
           if r["tokenizer"] == "t5"]
added = ["a <my-cat> heart", "<my-cat>", "a<my-cat>b <my-cat>", "wolfdog wolf wolfs", "a wolf."]
records = []
for name, tokenizer in [
    ("unigram", T5Tokenizer.from_pretrained(model)),
    ("wordpiece", BertTokenizer.from_pretrained(here / "wordpiece/tokenizer")),
]:
    from tokenizers import AddedToken
    tokenizer.add_tokens([AddedToken("<my-cat>"), AddedToken("wolf", single_word=True, normalized=False)])
    tokenizer.save_pretrained(out / name)
    for prompt in prompts + added:
        records.append({"tokenizer": name, "prompt": prompt, "ids": tokenizer(prompt)["input_ids"]})
for file in out.glob("*/*"):
    if file.name not in ("tokenizer.json", "tokenizer_config.json"):
        file.unlink()
(out / "tokens.json").write_text(json.dumps(records, indent=0) + "\n")
