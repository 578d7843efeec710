#!/usr/bin/env python3
"""Latents of the example model with schedulers that it does not ship.

usage: make_samplers.py OUTDIR

Writes OUTDIR/emoji-pixart/samplers.safetensors: for each case below `<name>` [4][16][16], the final
latents of PixArtAlphaPipeline for "red heart", its scheduler replaced by `from_config` of another
class; the settings are in the file's metadata. Prompts are lower-cased and stripped only.
"""
import json, os, sys, warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")
import diffusers
import torch
from safetensors.torch import save_file

model = Path(__file__).resolve().parent.parent.parent / "examples/emoji-pixart"
# Name of --scheduler, class, steps, guidance scale, seed.
cases = {
    "unipc": ("UniPCMultistepScheduler", 8, 4.5, 7),
    "lcm": ("LCMScheduler", 4, 1.0, 8),
    "lcm-guided": ("LCMScheduler", 8, 4.5, 9),
}

torch.set_num_threads(1)
pipe = diffusers.PixArtAlphaPipeline.from_pretrained(model, torch_dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
shipped, latents, settings = pipe.scheduler.config, {}, {}
for name, (cls, steps, guidance, seed) in cases.items():
    pipe.scheduler = getattr(diffusers, cls).from_config(shipped)
    latents[name] = pipe(
        "red heart", num_inference_steps=steps, guidance_scale=guidance, output_type="latent",
        generator=torch.Generator().manual_seed(seed), clean_caption=False,
        use_resolution_binning=False, height=64, width=64).images[0].contiguous()
    settings[name] = dict(scheduler=name.split("-")[0], steps=steps, guidance=guidance, seed=seed)
path = Path(sys.argv[1]) / "emoji-pixart/samplers.safetensors"
path.parent.mkdir(parents=True, exist_ok=True)
save_file(latents, path, metadata={"cases": json.dumps(settings, sort_keys=True)})
