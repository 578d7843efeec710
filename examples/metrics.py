#!/usr/bin/env python3
"""CLIP score and FID-style distances of folders of pictures: for models that draw photographs or paintings.

Not part of the product; it needs an environment of its own and a CLIP model, which it downloads unless it is a local folder:

    python3 -m venv ~/fpq-metrics
    ~/fpq-metrics/bin/pip install torch transformers pillow numpy
    dit-run -m PixArt-Sigma      -f prompts.txt -o float/%04d.png
    dit-run -m PixArt-Sigma-fp4  -f prompts.txt -o fp4/%04d.png
    ~/fpq-metrics/bin/python examples/metrics.py -f prompts.txt float fp4

The first folder is the reference. A line for each folder, tab-separated:

  clip_score       100 * the mean cosine of a picture's and its prompt's CLIP embedding, as torchmetrics' CLIPScore. Says whether the prompt
                   is still drawn. It saturates: 4-bit models often score like the float model while every picture has changed.
  clip_reference   100 * the mean cosine of a picture's embedding and that of the reference picture of the same name.
  frechet_clip     the Frechet distance of FID (Heusel et al. 2017) between the two sets' CLIP embeddings. A covariance of d dimensions needs
                   thousands of pictures: below 10 * d the column is empty.
  cmmd             1000 * the squared maximum mean discrepancy of unit embeddings with a Gaussian kernel of width 10 (Jayasumana et al. 2024),
                   unbiased: usable from a few hundred pictures on.

On the example model's 64x64 emoji none of these means anything: CLIP sees them enlarged 3.5 times, all its emoji lie close together, and there are
330 of them. There, judge by what `fpq-show compare` prints: PSNR, SSIM and sharpness against the float model's pictures.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from transformers import AutoProcessor, CLIPModel


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="folders of PNG files; the first is the reference")
    parser.add_argument("-f", "--prompt-file", type=pathlib.Path, help="the prompts, in the order of the pictures' names")
    parser.add_argument("--clip", default="openai/clip-vit-large-patch14", help="model name or folder")
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()

    clip = Clip(arguments.clip, arguments.batch)
    names = [sorted(path.name for path in folder.glob("*.png")) for folder in arguments.folders]
    for folder, own in zip(arguments.folders, names):
        if not own or own != names[0]:
            sys.exit(f"metrics.py: {folder}: expected the {len(names[0])} pictures of {arguments.folders[0]}, found {len(own)}")
    texts = None
    if arguments.prompt_file:
        prompts = [line for line in arguments.prompt_file.read_text().splitlines() if line.strip()]
        if len(prompts) != len(names[0]):
            sys.exit(f"metrics.py: {arguments.prompt_file}: expected {len(names[0])} prompts, found {len(prompts)}")
        texts = clip.texts(prompts)

    print("folder", "pictures", "clip_score", "clip_reference", "frechet_clip", "cmmd", sep="\t")
    reference = None
    for folder in arguments.folders:
        images = clip.images([folder / name for name in names[0]])
        reference = images if reference is None else reference
        score = f"{100 * cosines(images, texts).mean():.3f}" if texts is not None else ""
        distance = f"{frechet(reference, images):.4f}" if len(images) >= 10 * images.shape[1] else ""
        print(folder, len(images), score, f"{100 * cosines(images, reference).mean():.3f}", distance,
              f"{cmmd(reference, images):.4f}" if len(images) > 1 else "", sep="\t")


class Clip:
    """CLIP embeddings, [count][dimensions] float64, not normalised."""

    def __init__(self, name, batch):
        self.model, self.processor, self.batch = CLIPModel.from_pretrained(name).eval(), AutoProcessor.from_pretrained(name), batch

    @torch.no_grad()
    def images(self, paths):
        return self.embed(paths, lambda part: self.model.vision_model(
            **self.processor(images=[Image.open(path).convert("RGB") for path in part], return_tensors="pt")).pooler_output,
            self.model.visual_projection)

    @torch.no_grad()
    def texts(self, prompts):
        return self.embed(prompts, lambda part: self.model.text_model(
            **self.processor(text=part, return_tensors="pt", padding=True, truncation=True)).pooler_output,
            self.model.text_projection)

    def embed(self, items, encode, projection):
        parts = [projection(encode(items[i:i + self.batch])) for i in range(0, len(items), self.batch)]
        return torch.cat(parts).double().numpy()


def cosines(a, b):
    """[count], of rows with rows of the same number."""
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def frechet(a, b):
    """|mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) of two sets of rows."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The eigenvalues of A B are those of the symmetric A^(1/2) B A^(1/2).
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    product = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return max(0, ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * product)


def cmmd(a, b):
    """1000 * the unbiased squared MMD of the rows' directions, exp(-|x - y|^2 / 200)."""
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))

    def kernel(x, y):
        # |x - y|^2 = 2 - 2 x y' for unit rows.
        return np.exp(-(2 - 2 * x @ y.T) / 200)

    def within(x):
        k, n = kernel(x, x), len(x)
        return (k.sum() - np.trace(k)) / (n * (n - 1))

    return 1000 * (within(a) + within(b) - 2 * kernel(a, b).mean())


if __name__ == "__main__":
    main()
