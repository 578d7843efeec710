"""Pictures of the example captions, and an autoencoder of factor 8 for them.

For train_hunyuan.py. HunyuanDiTPipeline computes the rotary positions of an image for an
autoencoder of factor 8, whatever the model has, so the one of emoji-pixart (factor 4) cannot serve.
It is therefore grown by one outer level: pictures are twice as wide and high (128x128), the latents
of a picture stay what they were (4x16x16, near unit variance after scaling_factor).
"""
import math
import re
import time

import emoji
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image, ImageDraw, ImageFont

SIDE = 128


def render(font_path, captions):
    """The emoji of each caption on white: [count, 3, 128, 128] and [count, 3, 64, 64], -1...1."""
    font = ImageFont.truetype(font_path, 109)
    characters = {}
    for character, entry in emoji.EMOJI_DATA.items():
        if entry["status"] == emoji.STATUS["fully_qualified"]:
            name = re.sub(r"[_-]", " ", entry["en"].strip(":")).lower()
            characters.setdefault(re.sub(r"[^a-z0-9 ]", "", name), character)
    large, small = [], []
    for caption in captions:
        page = Image.new("RGBA", (320, 160), (255, 255, 255, 0))
        ImageDraw.Draw(page).text((10, 10), characters[caption], font=font, embedded_color=True)
        glyph = page.crop(page.getbbox())
        canvas = Image.new("RGBA", (136, 136), "white")
        canvas.alpha_composite(glyph, ((136 - glyph.width) // 2, (136 - glyph.height) // 2))
        for pictures, side in (large, SIDE), (small, SIDE // 2):
            picture = canvas.convert("RGB").resize((side, side), Image.LANCZOS)
            pictures.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1))
    return tuple(torch.stack(pictures).float() / 127.5 - 1 for pictures in (large, small))


@torch.no_grad()
def encode(vae, pictures):
    """Means of the latents times scaling_factor, [count, 4, 16, 16]."""
    means = [vae.encode(part).latent_dist.mean for part in pictures.split(32)]
    return torch.cat(means) * vae.config.scaling_factor


@torch.no_grad()
def decode(vae, latents):
    """uint8 pictures [count, side, side, 3]."""
    scale = vae.config.scaling_factor
    pictures = torch.cat([vae.decode(part / scale).sample for part in latents.split(16)])
    return pictures.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)


@torch.no_grad()
def grown(inner):
    """`inner` with one more level outside, which at first only halves and doubles the picture."""
    config = dict(inner.config)
    channels = config["block_out_channels"]
    levels = len(channels) + 1
    config.update(block_out_channels=(channels[0], *channels),
                  sample_size=2 * config["sample_size"],
                  down_block_types=("DownEncoderBlock2D",) * levels,
                  up_block_types=("UpDecoderBlock2D",) * levels)
    vae = AutoencoderKL.from_config(config)

    def moved(name):
        return re.sub(r"(?<=encoder\.down_blocks\.)\d+", lambda m: str(int(m[0]) + 1), name)

    vae.load_state_dict({moved(name): value for name, value in inner.state_dict().items()},
                        strict=False)
    down, (widen, up) = vae.encoder.down_blocks[0], vae.decoder.up_blocks[-2:]
    for resnet in [*down.resnets, *up.resnets]:
        resnet.conv2.weight.zero_()
        resnet.conv2.bias.zero_()
    halve, double = down.downsamplers[0].conv, widen.upsamplers[0].conv
    for convolution in halve, double:
        convolution.weight.zero_()
        convolution.bias.zero_()
    diagonal = torch.arange(channels[0])
    halve.weight[diagonal, diagonal, :2, :2] = 0.25
    double.weight[diagonal, diagonal, 1, 1] = 1
    return vae


def train(vae, pictures, latents, seconds, log, batch=8, rate=1e-3):
    """The decoder learns latents -> pictures; in every fourth step the encoder, the way back."""
    scale = vae.config.scaling_factor
    optimizer = torch.optim.AdamW(vae.parameters(), lr=rate, weight_decay=1e-4)
    start, step = time.time(), 0
    while (elapsed := time.time() - start) < seconds:
        falling = 0.51 + 0.49 * math.cos(math.pi * elapsed / seconds)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 100) * falling
        pick = torch.randint(len(pictures), (batch,))
        x, z = pictures[pick], latents[pick]
        if step % 4 == 3:
            part, loss = "encoder", F.mse_loss(vae.encode(x).latent_dist.mean * scale, z)
        else:
            # What a sampler leaves is never exactly a picture's latent.
            noisy = z + 0.05 * torch.randn_like(z)
            part, loss = "decoder", picture_loss(vae.decode(noisy / scale).sample, x)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        if step % 20 in (2, 3):
            log(f"vae {elapsed:5.0f}s step {step} {part} loss {loss.item():.4f}")
        step += 1
    log(f"vae {step} steps, PSNR {psnr(vae, pictures, latents):.2f} dB")


def picture_loss(y, x):
    """Mean absolute and squared differences of pictures, and absolute ones of their gradients."""
    edges = sum((y.diff(dim=axis) - x.diff(dim=axis)).abs().mean() for axis in (2, 3))
    return F.l1_loss(y, x) + F.mse_loss(y, x) + 0.5 * edges


def psnr(vae, pictures, latents):
    drawn = decode(vae, latents).permute(0, 3, 1, 2).float() / 127.5 - 1
    return 10 * math.log10(4 / F.mse_loss(drawn, pictures).item())
