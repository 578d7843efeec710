#!/usr/bin/env python3
"""Golden gradients by torch autograd of diffusers' PixArt block and whole transformer, and of a Hunyuan-DiT block.

usage: make_gradients.py OUTDIR SEED      # OUTDIR holds pixart-alpha, made by make_references.py with the same SEED

The loss is sum(output * loss_weights). Everything is computed in float64 and stored F32; the tolerance of each
tensor comes from the same run in float32 (see README.md).
"""
import contextlib, copy, importlib.metadata, os

import make_references as refs  # reads OUTDIR and SEED from the same arguments
import torch

torch.set_grad_enabled(True)
# Not all that the other program needs is installed where only this one runs.
refs.versions = lambda: {p: importlib.metadata.version(p) for p in ("torch", "diffusers", "safetensors", "numpy")}


def tolerances(exact, single):
    """20 x the float32-to-float64 gap of each tensor, at least 2e-5 of its largest value."""
    result = {}
    for name, value in exact.items():
        gap = float((single[name].double() - value).abs().max())
        result[name] = float(f"{max(20 * gap, 2e-5 * float(value.abs().max())):.1e}")
    return result


WHY = ("abs error; 20 x the gap between torch's own float32 and float64 runs, tensor by tensor, at least 2e-5 of the "
       "tensor's largest value; the gradient of to_k.bias is 0 but for rounding (softmax does not see it)")


def case_block():
    from diffusers.models.attention import BasicTransformerBlock

    n, heads, size, batch, tokens, length, lens = "block-gradients", 4, 8, 2, 12, 5, [5, 3]
    d, width, name = refs.case_dir(n), heads * size, "transformer_blocks.0"
    block = BasicTransformerBlock(
        width, heads, size, cross_attention_dim=width, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
        attention_bias=True, norm_type="ada_norm_single", norm_elementwise_affine=False, norm_eps=1e-6)
    refs.randomize(block, n)
    x = refs.randn(batch, tokens, width, name=n + "x")
    modulation = refs.randn(batch, 6 * width, name=n + "m", scale=0.5)
    text = refs.randn(batch, length, width, name=n + "t")
    bias = torch.tensor([[0.0 if i < k else -10000.0 for i in range(length)] for k in lens])
    weights = refs.randn(batch, tokens, width, name=n + "l")

    def run(dtype):
        b = copy.deepcopy(block).to(dtype)
        inputs = {"x": x, "modulation": modulation, "text": text}
        inputs = {k: v.to(dtype).requires_grad_() for k, v in inputs.items()}
        out = b(inputs["x"], encoder_hidden_states=inputs["text"], encoder_attention_mask=bias.to(dtype)[:, None],
                timestep=inputs["modulation"])
        (out * weights.to(dtype)).sum().backward()
        got = {f"grad.{k}": v.grad for k, v in inputs.items()}
        got |= {f"grad.{name}.{k}": v.grad for k, v in b.named_parameters()}
        return {"output": out.detach(), **got}

    exact = run(torch.float64)
    refs.io(d, {"x": x, "modulation": modulation, "text": text, "bias": bias, "loss_weights": weights,
                **{f"{name}.{k}": v for k, v in block.state_dict().items()}, **exact})
    refs.jdump(os.path.join(d, "config.json"), {"_class_name": "PixArtTransformer2DModel", **refs.pixart_config(n, heads, size, 1, 16, width)})
    refs.finish(d, case=n, cls="diffusers BasicTransformerBlock, torch.autograd", call=dict(batch=batch, tokens=tokens, text_tokens=length, mask_lengths=lens),
                description="one PixArt block: output and the gradients of sum(output * loss_weights) by inputs and all parameters",
                notes="parameters are named as in a model; bias = key bias of the cross attention; modulation = timestep argument [B, 6D]",
                tolerance={"abs": tolerances(exact, run(torch.float32)), "why": WHY})


def case_model():
    from diffusers import PixArtTransformer2DModel
    from safetensors.torch import load_file

    n, source = "model-gradients", os.path.join(refs.OUT, "pixart-alpha")
    d = refs.case_dir(n)
    given = load_file(os.path.join(source, "io.safetensors"))
    model = PixArtTransformer2DModel.from_pretrained(source, torch_dtype=torch.float32).eval()
    weights = refs.randn(*given["output"].shape, name=n + "l")
    names = ["transformer_blocks.0.scale_shift_table", "transformer_blocks.0.attn1.to_q.weight", "transformer_blocks.0.attn1.to_q.bias",
             "transformer_blocks.0.attn2.to_v.weight", "transformer_blocks.0.ff.net.0.proj.bias", "transformer_blocks.1.scale_shift_table",
             "transformer_blocks.1.attn1.to_out.0.weight", "transformer_blocks.1.attn2.to_k.weight", "transformer_blocks.1.ff.net.2.weight",
             "scale_shift_table", "proj_out.weight", "proj_out.bias"]

    def run(dtype):
        m = copy.deepcopy(model).to(dtype)
        inner = {}

        def keep(*keys):
            def hook(_module, _inputs, out):
                # Copies: the embedding also enters adaln_single's own linear, which is no part of the blocks.
                copies = tuple(t.clone() for t in (out if isinstance(out, tuple) else (out,)))
                for k, t in zip(keys, copies):
                    t.retain_grad()
                    inner[k] = t
                return copies if isinstance(out, tuple) else copies[0]
            return hook

        m.pos_embed.register_forward_hook(keep("x"))
        m.adaln_single.register_forward_hook(keep("modulation", "embedded"))
        m.caption_projection.register_forward_hook(keep("text"))
        out = m(given["hidden_states"].to(dtype), encoder_hidden_states=given["encoder_hidden_states"].to(dtype),
                encoder_attention_mask=given["encoder_attention_mask"].long(), timestep=given["timestep"].long(),
                added_cond_kwargs={k: given[k].to(dtype) for k in ("resolution", "aspect_ratio")}, return_dict=False)[0]
        (out * weights.to(dtype)).sum().backward()
        parameters = dict(m.named_parameters())
        return {"output": out.detach(), **{f"grad.{k}": v.grad for k, v in inner.items()}, **{f"grad.{k}": parameters[k].grad for k in names}}

    exact = run(torch.float64)
    limits = tolerances(exact, run(torch.float32))
    refs.io(d, {"loss_weights": weights, **exact})
    refs.finish(d, case=n, cls="diffusers.PixArtTransformer2DModel, torch.autograd", model="pixart-alpha",
                description="the model and inputs of pixart-alpha: gradients of sum(output * loss_weights) by some parameters and by what the blocks read",
                notes="grad.x, grad.modulation, grad.embedded, grad.text: by the outputs of pos_embed, adaln_single (two) and caption_projection",
                tolerance={"abs": limits, "why": WHY})


@contextlib.contextmanager
def keeping_double():
    """The casts to float32 within diffusers' norms and rotary embeddings leave float64 as it is."""
    to, single = torch.Tensor.to, torch.Tensor.float
    torch.Tensor.to = lambda t, *a, **k: t if a[:1] == (torch.float32,) and t.dtype == torch.float64 else to(t, *a, **k)
    torch.Tensor.float = lambda t: t if t.dtype == torch.float64 else single(t)
    try:
        yield
    finally:
        torch.Tensor.to, torch.Tensor.float = to, single


def case_hunyuan_block():
    from diffusers.models.transformers.hunyuan_transformer_2d import HunyuanDiTBlock

    n, heads, size, text_width, grid, length, batch = "hunyuan-block-gradients", 3, 8, 20, (3, 5), 6, 2
    d, width, name, tokens = refs.case_dir(n), heads * size, "blocks.3", grid[0] * grid[1]
    # The last of four blocks: it reads what block 0 gave beside its hidden states.
    config = dict(refs.hunyuan_config(heads, size, 4, text_width, 16, False, length - 2, 2))
    block = HunyuanDiTBlock(width, heads, cross_attention_dim=text_width, activation_fn="gelu-approximate",
                            ff_inner_dim=int(width * config["mlp_ratio"]), qk_norm=True, skip=True)
    refs.randomize(block, n)
    inputs = {"x": refs.randn(batch, tokens, width, name=n + "x"), "skip": refs.randn(batch, tokens, width, name=n + "s"),
              "temb": refs.randn(batch, width, name=n + "m"), "text": refs.randn(batch, length, text_width, name=n + "t")}
    weights = refs.randn(batch, tokens, width, name=n + "l")
    _, rope = refs.hunyuan_rope(size, *grid)

    def run(dtype):
        b = copy.deepcopy(block).to(dtype)
        own = {k: v.to(dtype).requires_grad_() for k, v in inputs.items()}
        conditioning = torch.nn.functional.silu(own["temb"])
        conditioning.retain_grad()
        b.norm1.silu = torch.nn.Identity()  # the block is given what comes of it
        with keeping_double():
            out = b(own["x"], encoder_hidden_states=own["text"], temb=conditioning, skip=own["skip"],
                    image_rotary_emb=tuple(r.to(dtype) for r in rope))
        (out * weights.to(dtype)).sum().backward()
        got = {f"grad.{k}": own[k].grad for k in ("x", "skip", "text")} | {"grad.conditioning": conditioning.grad}
        got |= {f"grad.{name}.{k}": v.grad for k, v in b.named_parameters()}
        return {"output": out.detach(), "conditioning": conditioning.detach(), **got}

    exact = run(torch.float64)
    limits = tolerances(exact, run(torch.float32))
    refs.io(d, {**{k: v for k, v in inputs.items() if k != "temb"}, "loss_weights": weights,
                **{f"{name}.{k}": v for k, v in block.state_dict().items()}, **exact})
    refs.jdump(os.path.join(d, "config.json"), {"_class_name": "HunyuanDiT2DModel", **config})
    refs.finish(d, case=n, cls="diffusers HunyuanDiTBlock, torch.autograd", call=dict(batch=batch, grid=grid, text_tokens=length),
                description="one Hunyuan-DiT block with a skip: output and the gradients of sum(output * loss_weights) by inputs and all parameters",
                notes="parameters are named as in a model of four blocks; conditioning = SiLU(temb); positions of the grid as the pipeline makes them (base 32)",
                tolerance={"abs": limits, "why": WHY})


if __name__ == "__main__":
    case_block()
    case_hunyuan_block()
    case_model()
