"""Model folders of the published sizes with random weights; see make-random-model.sh, which runs this."""

import argparse
import json
import math
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, HunyuanDiT2DModel, PixArtTransformer2DModel
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, T5Config, T5EncoderModel

EXAMPLES = pathlib.Path(__file__).resolve().parent
REFERENCES = EXAMPLES.parent / "Tests/References"
SHARD = 5_000_000_000  # bytes, as `save_pretrained` has it


def spread(name, shape):
    """The standard deviation of a tensor that keeps what a network computes at about the size of its input."""
    if name.endswith("relative_attention_bias.weight") or "scale_shift_table" in name:
        return 0.1
    if name.split(".")[-2] in ("shared", "embed_tokens"):
        return 1.0
    if "embeddings." in name or "positional_embedding" in name or name.endswith("text_embedding_padding"):
        return 0.05
    # T5 has no 1 / sqrt(d) in its attention, but in its queries.
    heads = 1 / 8 if name.endswith("SelfAttention.q.weight") else 1
    return heads / math.sqrt(math.prod(shape[1:]))


def write(model, folder, name, dtype):
    """Writes `config.json` and the weights of a model that lives on the device `meta`, in shards where they are many."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    model.save_config(folder) if hasattr(model, "save_config") else model.config.save_pretrained(folder)
    size = torch.empty(0, dtype=dtype).element_size()
    tied = {"encoder.embed_tokens.weight"}
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()
              if key not in tied and not key.endswith("position_ids") and "pos_embed.pos_embed" not in key}
    shards, filled = [[]], 0
    for key, shape in shapes.items():
        if shards[-1] and filled + math.prod(shape) * size > SHARD:
            shards.append([])
            filled = 0
        shards[-1].append(key)
        filled += math.prod(shape) * size
    index = {}
    for number, keys in enumerate(shards, 1):
        tensors = {}
        for key in keys:
            shape = shapes[key]
            isVector = len(shape) < 2
            value = torch.randn(shape, generator=generator) * (0.02 if isVector else spread(key, shape))
            if isVector and key.endswith(".weight"):
                value += 1
            tensors[key] = value.to(dtype)
        stem = name if len(shards) == 1 else f"{name}-{number:05d}-of-{len(shards):05d}"
        save_file(tensors, folder / f"{stem}.safetensors", {"format": "pt"})
        index.update({key: f"{stem}.safetensors" for key in keys})
    if len(shards) > 1:
        total = sum(math.prod(shape) * size for shape in shapes.values())
        text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
        (folder / f"{name}.safetensors.index.json").write_text(text)
    print(f"{folder}: {sum(map(math.prod, shapes.values())) / 1e6:.0f} million weights")


def t5(width, feed_forward, heads, vocabulary, layers):
    return T5EncoderModel(T5Config(
        d_model=width, d_kv=64, d_ff=feed_forward, num_heads=heads, num_layers=layers, vocab_size=vocabulary,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False))


def pixart(arguments, sigma):
    transformer = PixArtTransformer2DModel(
        num_layers=arguments.layers or 28, sample_size=arguments.sample_size, caption_channels=4096,
        interpolation_scale=arguments.sample_size // 64, use_additional_conditions=not sigma and arguments.sample_size == 128)
    return {"transformer": transformer, "text_encoder": t5(4096, 10240, 64, 32128, arguments.text_layers or 24)}


def hunyuan(arguments):
    transformer = HunyuanDiT2DModel(
        num_layers=arguments.layers or 40, hidden_size=1408, num_attention_heads=16, attention_head_dim=88, in_channels=4,
        patch_size=2, activation_fn="gelu-approximate", sample_size=arguments.sample_size, mlp_ratio=4.3637, learn_sigma=True,
        cross_attention_dim=1024, cross_attention_dim_t5=2048, pooled_projection_dim=1024, text_len=77, text_len_t5=256,
        norm_type="layer_norm", use_style_cond_and_image_meta_size=False)
    bert = BertModel(
        BertConfig(vocab_size=47020, hidden_size=1024, num_hidden_layers=arguments.text_layers or 24, num_attention_heads=16,
                   intermediate_size=4096), add_pooling_layer=False)
    return {"transformer": transformer, "text_encoder": bert,
            "text_encoder_2": t5(2048, 5120, 32, 250112, arguments.text_layers or 24)}


def vae():
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[128, 256, 512, 512],
        layers_per_block=2, latent_channels=4, sample_size=1024, scaling_factor=0.13025)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=["pixart-alpha", "pixart-sigma", "hunyuan-dit"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dtype", choices=["F32", "F16", "BF16"], default="F32")
    parser.add_argument("--sample-size", type=int, choices=[64, 128], default=128)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--text-layers", type=int)
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} exists")
    dtype = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[arguments.dtype]
    isHunyuan = arguments.family == "hunyuan-dit"
    template = REFERENCES / "pipeline-hunyuan/pipeline" if isHunyuan else EXAMPLES / "emoji-pixart"
    with torch.device("meta"):
        parts = hunyuan(arguments) if isHunyuan else pixart(arguments, arguments.family == "pixart-sigma")
        parts["vae"] = vae()
    for part, model in parts.items():
        isText = part.startswith("text_encoder")
        write(model, arguments.folder / part, "model" if isText else "diffusion_pytorch_model", dtype)
    for part in ("tokenizer", "tokenizer_2", "scheduler"):
        if (template / part).exists():
            shutil.copytree(template / part, arguments.folder / part)
    index = json.loads((template / "model_index.json").read_text())
    if arguments.family == "pixart-sigma":
        index["_class_name"] = "PixArtSigmaPipeline"
    (arguments.folder / "model_index.json").write_text(json.dumps(index, indent=2))


main()
