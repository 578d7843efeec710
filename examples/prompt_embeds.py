#!/usr/bin/env python3
"""Writes the text states of prompts for --prompt-embeds, by diffusers' own encode_prompt.

    python3 prompt_embeds.py MODEL PROMPTS EMBEDS

MODEL is a folder of PixArt-alpha, PixArt-Sigma or Hunyuan-DiT, PROMPTS has a prompt on each line, EMBEDS is the
safetensors file to write. The empty prompt is written too, which guidance reads. Needs diffusers, transformers,
PyTorch, and for PixArt ftfy and beautifulsoup4 (without them captions are not cleaned: --no-clean-caption); fpq needs none.
"""

import json
import sys

import torch
from diffusers import DiffusionPipeline
from safetensors.torch import save_file

model, path, embeds = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    prompts = [""] + [line.strip() for line in file if line.strip()]
pipe = DiffusionPipeline.from_pretrained(model, transformer=None, vae=None, torch_dtype=torch.float32)
hunyuan = hasattr(pipe, "text_encoder_2")
tensors = {}
with torch.no_grad():
    for i, prompt in enumerate(prompts):
        for encoder in range(2 if hunyuan else 1):
            options = {"text_encoder_index": encoder} if hunyuan else {"clean_caption": True}
            made = pipe.encode_prompt(prompt, do_classifier_free_guidance=False, **options)
            # The two pipelines return states, mask and those of a negative prompt in different orders.
            states, mask = made[0], made[2 if hunyuan else 1]
            suffix = f"_{encoder + 1}" if encoder else ""
            tensors[f"prompt.{i}.states{suffix}"] = states.float().contiguous()
            tensors[f"prompt.{i}.mask{suffix}"] = mask.to(torch.uint8)
save_file(tensors, embeds, metadata={"fpq.prompts": json.dumps(prompts)})
