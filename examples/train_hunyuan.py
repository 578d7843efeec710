#!/usr/bin/env python3
"""Trains a small HunyuanDiT pipeline that draws the 330 emoji of captions.txt at 128x128.

Not part of the product; it needs an environment of its own and the font Noto Color Emoji
(Debian: fonts-noto-color-emoji):

    python3 -m venv ~/fpq-training
    ~/fpq-training/bin/pip install torch diffusers==0.42.1 transformers==5.23.0 sentencepiece \\
        safetensors protobuf emoji pillow numpy
    ~/fpq-training/bin/python examples/train_hunyuan.py \\
        /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf OUTDIR SECONDS

SECONDS is how long the transformer may train (the learning rate falls with it); an eighth of it is
spent on the autoencoder before. --resume goes on from the checkpoint, written every five minutes;
the seconds of earlier runs count.

With 4600 seconds on two cores shared with other work it came to 1,733 steps and a loss of 0.06
(0.87 at the start), with 345 steps of the autoencoder beside it to 25.8 dB. After 900 seconds there
were colours and outlines, after 2700 pictures.

OUTDIR/model        the diffusers folder, F16, in the layout of HunyuanDiT v1.2; rewritten every
                    15 minutes with the averaged weights, so it can be tried long before the end
OUTDIR/sheet-*.png  16 prompts drawn with the model of that moment
OUTDIR/log.txt      the losses
OUTDIR/vae, OUTDIR/checkpoint.pt

From examples/emoji-pixart it takes the T5 encoder with its SentencePiece model (the second text
encoder here, frozen), the autoencoder, which it grows (emoji_vae.py), and what the transformer can
start from (warm_start). The BERT encoder is trained with the transformer, from nothing.
"""
import argparse
import copy
import json
import math
import os
import pathlib
import shutil
import string
import time

import torch
import torch.nn.functional as F
from diffusers import (AutoencoderKL, DDPMScheduler, HunyuanDiT2DModel, HunyuanDiTPipeline,
                       PixArtTransformer2DModel)
from diffusers.models.embeddings import apply_rotary_emb, get_2d_rotary_pos_embed
from diffusers.pipelines.hunyuandit.pipeline_hunyuandit import get_resize_crop_region_for_grid
from transformers import BertConfig, BertModel, BertTokenizer, T5EncoderModel, T5Tokenizer

import draw_hunyuan
import emoji_vae

EXAMPLES = pathlib.Path(__file__).resolve().parent
DONOR = EXAMPLES / "emoji-pixart"
WIDTH, HEADS, LAYERS = 256, 4, 6
BERT_LENGTH, T5_LENGTH = 77, 256
BATCH, RATE = 32, 8e-4
MODEL_CARD = """\
# emoji-hunyuan: a small, real HunyuanDiT pipeline

A trained text-to-image diffusion transformer in the ordinary diffusers folder layout
(`HunyuanDiTPipeline`), small enough for a demo and for tests: it draws 128x128 emoji from their
English names ("red heart", "christmas tree"). Only widths and depths differ from HunyuanDiT v1.2.

| part | class | size |
|---|---|---|
| tokenizer | BertTokenizer, 77 tokens | the captions' words, characters |
| text_encoder | BertModel, width 256, 2 layers, 4 heads | 1.3 M parameters |
| tokenizer_2 | T5Tokenizer of emoji-pixart, 256 tokens | 1,428 pieces |
| text_encoder_2 | T5EncoderModel of emoji-pixart | 1.7 M parameters |
| transformer | HunyuanDiT2DModel, width 256, 6 layers (2 with skips), patch 2 | 8.7 M parameters |
| vae | AutoencoderKL of emoji-pixart and one more level: factor 8, latents 4x16x16 | 0.8 M |
| scheduler | DDPMScheduler, v-prediction, the settings of HunyuanDiT v1.2 | |

The weights are F16. Pass `use_resolution_binning=False, height=128, width=128`. Made by
`examples/train_hunyuan.py`; it knows the 330 names of `examples/captions.txt`.

Trained on pictures rendered from the Noto Color Emoji font (Google; SIL Open Font License 1.1,
artwork Apache License 2.0). The weights are offered under the Apache License 2.0. Keep this note
with the model. Limits: it draws what it has seen and little beyond; metrics that compare with
photographs mean nothing here.
"""
SHEET_PROMPTS = (EXAMPLES / "prompts.txt").read_text().splitlines()[:16]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("font", help="NotoColorEmoji.ttf")
    parser.add_argument("out", type=pathlib.Path, help="folder for all results")
    parser.add_argument("seconds", type=float, help="how long to train the transformer")
    parser.add_argument("--resume", action="store_true", help="go on from OUTDIR/checkpoint.pt")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    captions = (EXAMPLES / "captions.txt").read_text().splitlines()
    write_bert_tokenizer(arguments.out / "tokenizer", captions)
    training = Training(arguments.out, captions)
    training.prepare(arguments.font, arguments.seconds / 8)
    if arguments.resume:
        training.resume()
    training.run(arguments.seconds)


def write_bert_tokenizer(folder, captions):
    """WordPiece in the layout of bert-base-chinese: the captions' words, and the characters."""
    characters = string.ascii_lowercase + string.digits
    words = sorted({word for caption in captions for word in caption.split() if len(word) > 1})
    vocabulary = ["[PAD]", *(f"[unused{i}]" for i in range(1, 100)),
                  "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *characters,
                  *("##" + piece for piece in [*characters, "ed", "er", "es", "ing", "ly"]), *words]
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    special = {f"{name}_token": f"[{name.upper()}]"
               for name in ("cls", "mask", "pad", "sep", "unk")}
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "tokenizer_config.json", {
        **special, "tokenizer_class": "BertTokenizer", "do_lower_case": True,
        "do_basic_tokenize": True, "never_split": None, "strip_accents": None,
        "tokenize_chinese_chars": True, "model_max_length": BERT_LENGTH})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def new_text_encoder(vocabulary_size):
    return BertModel(BertConfig(
        vocab_size=vocabulary_size, hidden_size=WIDTH, num_hidden_layers=2,
        num_attention_heads=HEADS, intermediate_size=2 * WIDTH, pad_token_id=0,
        max_position_embeddings=BERT_LENGTH, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0))


@torch.no_grad()
def new_transformer():
    """The layout of HunyuanDiT v1.2, every block near the identity at first."""
    model = HunyuanDiT2DModel(
        num_attention_heads=HEADS, attention_head_dim=WIDTH // HEADS, hidden_size=WIDTH,
        num_layers=LAYERS, mlp_ratio=4.0, in_channels=4, patch_size=2, sample_size=16,
        learn_sigma=True, activation_fn="gelu-approximate", norm_type="layer_norm",
        cross_attention_dim=WIDTH, cross_attention_dim_t5=WIDTH, pooled_projection_dim=WIDTH,
        text_len=BERT_LENGTH, text_len_t5=T5_LENGTH, use_style_cond_and_image_meta_size=False)
    for block in model.blocks:
        for linear in block.norm1.linear, block.attn2.to_out[0]:
            torch.nn.init.zeros_(linear.weight)
            torch.nn.init.zeros_(linear.bias)
        if block.skip_linear is not None:
            block.skip_linear.weight.copy_(torch.eye(WIDTH, 2 * WIDTH))
    torch.nn.init.zeros_(model.proj_out.weight)
    warm_start(model, PixArtTransformer2DModel.from_pretrained(DONOR / "transformer").float())
    return model


def warm_start(model, donor):
    """What a PixArt transformer of the same widths knows and HunyuanDiT has a place for.

    The donor scales, shifts and gates by the time step; HunyuanDiT only shifts, so the scales and
    gates become weights, at their means over the time steps. Cross-attention stays new.
    """
    embedder, own_embedder = donor.adaln_single.emb.timestep_embedder, model.time_extra_emb
    own_embedder.timestep_embedder.load_state_dict(embedder.state_dict())
    torch.nn.init.zeros_(own_embedder.extra_embedder.linear_2.weight)
    torch.nn.init.zeros_(own_embedder.extra_embedder.linear_2.bias)
    model.pos_embed.proj.load_state_dict(donor.pos_embed.proj.state_dict())
    times = embedder(own_embedder.time_proj(torch.arange(0, 1000, 20)))
    linear = donor.adaln_single.linear
    means = linear(F.silu(times)).mean(0).view(6, WIDTH)
    for block, other in zip(model.blocks, donor.transformer_blocks):
        _, scale, gate, shift_ff, scale_ff, gate_ff = other.scale_shift_table + means
        block.norm1.norm.weight.copy_(1 + scale)
        block.norm1.linear.weight.copy_(linear.weight[:WIDTH])
        block.norm1.linear.bias.copy_(linear.bias[:WIDTH] + other.scale_shift_table[0])
        block.norm3.weight.copy_(1 + scale_ff)
        block.norm3.bias.copy_(shift_ff)
        block.attn1.load_state_dict(other.attn1.state_dict(), strict=False)
        block.ff.load_state_dict(other.ff.state_dict())
        for last, factor in (block.attn1.to_out[0], gate), (block.ff.net[2], gate_ff):
            last.weight.mul_(factor[:, None])
            last.bias.mul_(factor)


class Training:
    """The models, what the captions and pictures became, and the state of the optimizer."""

    def __init__(self, out, captions):
        self.out, self.captions = out, captions
        self.tokenizer = BertTokenizer.from_pretrained(out / "tokenizer")
        self.tokenizer_2 = T5Tokenizer.from_pretrained(DONOR / "tokenizer")
        self.text_encoder_2 = T5EncoderModel.from_pretrained(DONOR / "text_encoder").float().eval()
        self.models = torch.nn.ModuleDict({
            "text_encoder": new_text_encoder(len(self.tokenizer)),
            "transformer": new_transformer()})
        self.averages = copy.deepcopy(self.models)
        for block in self.models["transformer"].blocks:
            block.attn2.set_processor(SharedPaddingAttention())
        self.optimizer = torch.optim.AdamW(self.models.parameters(), lr=RATE, weight_decay=0.01,
                                           betas=(0.9, 0.98), fused=True)
        self.scheduler = DDPMScheduler(
            beta_start=0.00085, beta_end=0.018, beta_schedule="scaled_linear", steps_offset=1,
            prediction_type="v_prediction", timestep_spacing="leading", clip_sample=False,
            variance_type="fixed_small")
        self.rope = get_2d_rotary_pos_embed(
            WIDTH // HEADS, get_resize_crop_region_for_grid((8, 8), 32), (8, 8), output_type="pt")
        self.step, self.spent = 0, 0.0

    def log(self, line):
        print(line, flush=True)
        with open(self.out / "log.txt", "a") as file:
            file.write(line + "\n")

    @torch.no_grad()
    def prepare(self, font, seconds):
        """Pictures to latents, captions to T5 states; the autoencoder, unless there is one."""
        large, small = emoji_vae.render(font, self.captions)
        inner = AutoencoderKL.from_pretrained(DONOR / "vae").float().eval()
        self.latents = emoji_vae.encode(inner, small)
        if not (self.out / "vae").exists():
            vae = emoji_vae.grown(inner)
            with torch.enable_grad():
                emoji_vae.train(vae, large, self.latents, seconds, self.log)
            vae.save_pretrained(self.out / "vae")
        self.vae = AutoencoderKL.from_pretrained(self.out / "vae").eval()

        # The empty caption is the last row of all of these.
        texts = [*self.captions, ""]
        bert, t5 = (tokenizer(texts, padding="max_length", max_length=length, return_tensors="pt")
                    for tokenizer, length in ((self.tokenizer, BERT_LENGTH),
                                              (self.tokenizer_2, T5_LENGTH)))
        self.ids, self.mask, self.mask_2 = bert.input_ids, bert.attention_mask, t5.attention_mask
        self.states_2 = torch.cat([
            self.text_encoder_2(ids, attention_mask=mask).last_hidden_state
            for ids, mask in zip(t5.input_ids.split(32), t5.attention_mask.split(32))])

    def resume(self):
        state = torch.load(self.out / "checkpoint.pt")
        for name in ("models", "averages", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.spent = state["step"], state["spent"]

    def save(self, elapsed):
        state = {"models": self.models.state_dict(), "averages": self.averages.state_dict(),
                 "optimizer": self.optimizer.state_dict(), "step": self.step, "spent": elapsed}
        torch.save(state, self.out / "checkpoint.tmp")
        os.replace(self.out / "checkpoint.tmp", self.out / "checkpoint.pt")

    def run(self, seconds):
        start = time.time() - self.spent
        saved = drawn = self.spent
        average = None
        while (elapsed := time.time() - start) < seconds:
            warm = min(1, (self.step + 1) / 200)
            falling = 0.505 + 0.495 * math.cos(math.pi * elapsed / seconds)
            for group in self.optimizer.param_groups:
                group["lr"] = RATE * warm * falling
            loss = self.learn()
            average = loss if average is None else 0.98 * average + 0.02 * loss
            self.step += 1
            if self.step % 20 == 0:
                self.log(f"{elapsed:6.0f}s step {self.step} loss {average:.4f}")
            if elapsed - saved > 300:
                self.save(elapsed)
                saved = elapsed
            if elapsed - drawn > 900:
                self.export()
                self.draw_sheet(elapsed)
                drawn = elapsed
        self.save(seconds)
        self.export()
        self.draw_sheet(seconds)

    def learn(self):
        """One step of the optimizer and of the averages; the batch's loss."""
        pick = torch.randint(len(self.captions), (BATCH,))
        # Spread evenly over the schedule: less noise between batches than independent draws.
        t = ((torch.arange(BATCH) + torch.rand(BATCH)) * (1000 / BATCH)).long()
        x, noise = self.latents[pick], torch.randn(BATCH, 4, 16, 16)
        text = torch.where(torch.rand(BATCH) < 0.1, len(self.captions), pick)
        out = self.predict(self.scheduler.add_noise(x, noise, t), t, text)
        error = out[:, :4] - self.scheduler.get_velocity(x, noise, t)
        # v's own weight for the picture is SNR + 1 = 1 / (1 - alphas_cumprod): here it stops at 5.
        weight = (5 * (1 - self.scheduler.alphas_cumprod[t])).clamp(max=1)
        loss = (error.square().mean((1, 2, 3)) * weight).mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.models.parameters(), 1.0)
        self.optimizer.step()
        kept = min(0.998, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.averages.parameters(), self.models.parameters()):
                mean.lerp_(value, 1 - kept)
        return loss.item()

    def predict(self, x, t, text):
        """What the transformer says of x [batch, 4, 16, 16], without work on what repeats.

        As HunyuanDiT2DModel.forward, but the encoders see only real tokens, the padding's keys and
        values are projected once for the batch, and the pooler's once for its single query.
        """
        model = self.models["transformer"]
        mask, mask_2 = self.mask[text].bool(), self.mask_2[text].bool()
        used, used_2 = (int(each.sum(1).max()) for each in (mask, mask_2))
        states = self.models["text_encoder"](
            self.ids[text][:, :used], attention_mask=self.mask[text][:, :used]).last_hidden_state
        states_2 = self.states_2[text]
        embedder = model.time_extra_emb
        conditions = (embedder.timestep_embedder(embedder.time_proj(t))
                      + embedder.extra_embedder(pool(embedder.pooler, states_2)))
        keys = (model.text_embedding_padding,
                torch.cat([states, model.text_embedder(states_2[:, :used_2])], 1),
                torch.cat([~mask, ~mask_2, mask[:, :used], mask_2[:, :used_2]], 1))
        hidden, skips = model.pos_embed(x), []
        for i, block in enumerate(model.blocks):
            skip = skips.pop() if i > LAYERS // 2 else None
            hidden = block(hidden, encoder_hidden_states=keys, temb=conditions,
                           image_rotary_emb=self.rope, skip=skip)
            if i < LAYERS // 2 - 1:
                skips.append(hidden)
        out = model.proj_out(model.norm_out(hidden, conditions.float()))
        out = out.unflatten(1, (8, 8)).unflatten(-1, (2, 2, 8))
        return out.permute(0, 5, 1, 3, 2, 4).reshape(len(x), 8, 16, 16)

    def pipeline(self):
        """Of the averages, as half-precision copies."""
        parts = {name: copy.deepcopy(model).half().eval() for name, model in (
            *self.averages.items(), ("text_encoder_2", self.text_encoder_2), ("vae", self.vae))}
        return HunyuanDiTPipeline(
            **parts, tokenizer=self.tokenizer, tokenizer_2=self.tokenizer_2,
            scheduler=self.scheduler, safety_checker=None, feature_extractor=None,
            requires_safety_checker=False)

    def export(self):
        folder = self.out / "model"
        self.pipeline().save_pretrained(folder)
        # Tokenizers as published folders have them, not as this version of transformers saves them.
        for name, source in (("tokenizer", self.out / "tokenizer"),
                             ("tokenizer_2", DONOR / "tokenizer")):
            shutil.rmtree(folder / name)
            shutil.copytree(source, folder / name)
        config = folder / "tokenizer_2" / "tokenizer_config.json"
        write_json(config, json.loads(config.read_text()) | {"model_max_length": T5_LENGTH})
        (folder / "README.md").write_text(MODEL_CARD)
        # Paths of the training machine.
        for path in folder.glob("*/config.json"):
            write_json(path, {key: value for key, value in json.loads(path.read_text()).items()
                              if key != "_name_or_path"})

    def draw_sheet(self, elapsed):
        pipeline = draw_hunyuan.load(self.out / "model", "dpm")
        latents = draw_hunyuan.draw(pipeline, SHEET_PROMPTS, first_seed=0, steps=20, guidance=5.0)
        draw_hunyuan.sheet(emoji_vae.decode(pipeline.vae, latents),
                           self.out / f"sheet-{elapsed / 60:03.0f}min.png")


class SharedPaddingAttention:
    """Cross-attention with keys padding [333, width] and text [batch, n, width], where present.

    As HunyuanAttnProcessor2_0 on the padding with the text written over its first positions: the
    order of keys does not matter to attention, so the text may follow instead.
    """

    def __call__(self, attn, hidden_states, encoder_hidden_states, attention_mask=None,
                 image_rotary_emb=None):
        padding, text, present = encoder_hidden_states

        def heads(x):
            return x.unflatten(-1, (attn.heads, -1)).transpose(-3, -2)

        def both(projection, norm=torch.nn.Identity()):
            shared, own = (norm(heads(projection(x))) for x in (padding, text))
            return torch.cat([shared.expand(len(text), -1, -1, -1), own], 2)

        query = apply_rotary_emb(attn.norm_q(heads(attn.to_q(hidden_states))), image_rotary_emb)
        out = F.scaled_dot_product_attention(query, both(attn.to_k, attn.norm_k), both(attn.to_v),
                                             attn_mask=present[:, None, None])
        return attn.to_out[0](out.transpose(1, 2).flatten(2))


def pool(pooler, states):
    """HunyuanDiTAttentionPool: its single query is projected to the states, not they to it.

    The bias of the keys adds the same to all of a head's scores, so it has no effect.
    """
    x = torch.cat([states.mean(1, keepdim=True), states], 1) + pooler.positional_embedding
    query = pooler.q_proj(x[:, 0]).unflatten(-1, (pooler.num_heads, -1))
    key, value = (layer.weight.unflatten(0, (pooler.num_heads, -1))
                  for layer in (pooler.k_proj, pooler.v_proj))
    scores = torch.einsum("bhe,hed->bhd", query, key) @ x.transpose(1, 2)
    mixed = (scores / query.shape[-1] ** 0.5).softmax(-1) @ x
    texts = torch.einsum("bhd,hed->bhe", mixed, value).flatten(1)
    return pooler.c_proj(texts + pooler.v_proj.bias)


if __name__ == "__main__":
    main()
