#!/usr/bin/env python3
"""Draws prompts with diffusers' HunyuanDiTPipeline in F32 and keeps what a test needs to compare.

Not part of the product; it needs the environment of train_hunyuan.py.

    draw_hunyuan.py MODEL PROMPTS.txt OUT [--solver dpm] [--steps 20] [--guidance 5]

The seed of a prompt is the number of its line, from 0. OUT.safetensors holds, in the order of the
prompts, initial_latents and final_latents [count, 4, 16, 16] F32 and images [count, 128, 128, 3]
U8, and the settings as metadata; OUT.png is a contact sheet. --solver ddpm is the model's own
scheduler, which draws noise at every step from the prompt's generator, after the initial latents.
"""
import argparse
import pathlib

import torch
from diffusers import DPMSolverMultistepScheduler, HunyuanDiTPipeline
from PIL import Image
from safetensors.torch import save_file

import emoji_vae

BATCH = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="diffusers folder")
    parser.add_argument("prompts", type=pathlib.Path, help="text file, a prompt on each line")
    parser.add_argument("out", help="path of both results, without an extension")
    parser.add_argument("--solver", choices=["dpm", "ddpm"], default="dpm",
                        help="DPM-Solver++ of order 2, or the scheduler of the folder")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=5.0)
    arguments = parser.parse_args()

    prompts = arguments.prompts.read_text().splitlines()
    pipeline = load(arguments.model, arguments.solver)
    latents = torch.cat([
        draw(pipeline, prompts[first:first + BATCH], first, arguments.steps, arguments.guidance)
        for first in range(0, len(prompts), BATCH)])
    images = emoji_vae.decode(pipeline.vae, latents)
    initial = torch.cat([torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(seed))
                         for seed in range(len(prompts))])
    save_file(
        {"initial_latents": initial, "final_latents": latents, "images": images.contiguous()},
        arguments.out + ".safetensors",
        {"scheduler": type(pipeline.scheduler).__name__, "steps": str(arguments.steps),
         "guidance_scale": str(arguments.guidance), "prompts": "\n".join(prompts), "dtype": "F32",
         "seeds": f"0..{len(prompts) - 1} in the order of the prompts"})
    sheet(images, arguments.out + ".png")


def load(model, solver):
    pipeline = HunyuanDiTPipeline.from_pretrained(model, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    if solver == "dpm":
        pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    return pipeline


def draw(pipeline, prompts, first_seed, steps, guidance):
    """Final latents, [count, 4, 16, 16]."""
    generators = [torch.Generator().manual_seed(first_seed + i) for i in range(len(prompts))]
    return pipeline(
        prompts, height=emoji_vae.SIDE, width=emoji_vae.SIDE, num_inference_steps=steps,
        guidance_scale=guidance, generator=generators, use_resolution_binning=False,
        output_type="latent").images


def sheet(images, path, columns=8):
    """Writes pictures [count, side, side, 3] in rows, the last one filled up with white."""
    side, rows = images.shape[1], -(-len(images) // columns)
    page = Image.new("RGB", (min(columns, len(images)) * side, rows * side), "white")
    for i, image in enumerate(images.numpy()):
        page.paste(Image.fromarray(image), (i % columns * side, i // columns * side))
    page.save(path)


if __name__ == "__main__":
    main()
