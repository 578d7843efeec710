"""Pictures of the example captions, and an autoencoder of factor 8 for them.

For `train_hunyuan.py`. HunyuanDiTPipeline computes the image's rotary positions for an autoencoder of
factor 8, whatever the model's own, so the factor 4 of `emoji-pixart` cannot serve it. Its
autoencoder is therefore grown by one outer level: pictures are twice as wide and high (128x128), the latents of a
picture stay what they were (4x16x16, zero mean and unit variance after scaling_factor).
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
    pictures = [vae.decode(part / vae.config.scaling_factor).sample for part in latents.split(16)]
    return torch.cat(pictures).add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)


@torch.no_grad()
def grown(inner):
    """`inner` with one more level outside, which at first only halves and doubles the picture."""
    config = dict(inner.config)
    channels = config["block_out_channels"]
    levels = len(channels) + 1
    config.update(block_out_channels=(channels[0], *channels), sample_size=2 * config["sample_size"],
                  down_block_types=("DownEncoderBlock2D",) * levels,
                  up_block_types=("UpDecoderBlock2D",) * levels)
    vae = AutoencoderKL.from_config(config)
    weights = {re.sub(r"(encoder\.down_blocks\.)(\d+)", lambda m: m[1] + str(int(m[2]) + 1), name): value
               for name, value in inner.state_dict().items()}
    vae.load_state_dict(weights, strict=False)
    down, widen, up = vae.encoder.down_blocks[0], vae.decoder.up_blocks[-2], vae.decoder.up_blocks[-1]
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
    """Trains the decoder on latents -> pictures, and on every fourth step the encoder on pictures -> latents."""
    halves = [[*vae.decoder.parameters(), *vae.post_quant_conv.parameters()],
              [*vae.encoder.parameters(), *vae.quant_conv.parameters()]]
    optimizer = torch.optim.AdamW(vae.parameters(), lr=rate, weight_decay=1e-4)
    start, step = time.time(), 0
    while (elapsed := time.time() - start) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * elapsed / seconds))
        pick = torch.randint(len(pictures), (batch,))
        x, z = pictures[pick], latents[pick]
        with torch.autocast("cpu", torch.bfloat16):
            if step % 4 == 3:
                loss = F.mse_loss(vae.encode(x).latent_dist.mean.float() * vae.config.scaling_factor, z)
            else:
                # What a sampler leaves is never exactly a picture's latent.
                noisy = z + 0.05 * torch.randn_like(z)
                loss = picture_loss(vae.decode(noisy / vae.config.scaling_factor).sample.float(), x)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(halves[step % 4 == 3], 1.0)
        optimizer.step()
        if step % 20 in (2, 3):
            log(f"vae {elapsed:5.0f}s step {step} {'encoder' if step % 4 == 3 else 'decoder'} loss {loss.item():.4f}")
        step += 1
    log(f"vae {step} steps, PSNR {psnr(vae, pictures, latents):.2f} dB")


def picture_loss(y, x):
    """Mean absolute and squared differences of the pictures, and absolute ones of their gradients."""
    edges = sum((y.diff(dim=axis) - x.diff(dim=axis)).abs().mean() for axis in (2, 3))
    return F.l1_loss(y, x) + F.mse_loss(y, x) + 0.5 * edges


def psnr(vae, pictures, latents):
    drawn = decode(vae, latents).permute(0, 3, 1, 2).float() / 127.5 - 1
    return 10 * math.log10(4 / F.mse_loss(drawn, pictures).item())
