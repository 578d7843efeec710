#!/usr/bin/env python3
"""Golden low-rank branches: the best approximation of a weight in the metric of its inputs, by LAPACK's SVD in float64.

usage: make_lowrank.py OUTDIR SEED

With x the inputs, C their covariance and H = C + damping mean(diag C) 1 = F F', the L of rank r that is nearest to W in
tr((W - L) H (W - L)') is (W F)_r F^-1; nearest in the weights it is (W)_r. F is Cholesky's here: any factor will do.
"""
import importlib.metadata

import make_references as refs  # reads OUTDIR and SEED from the same arguments
import numpy as np

# Not all that the other program needs is installed where only this one runs.
refs.versions = lambda: {p: importlib.metadata.version(p) for p in ("safetensors", "numpy")}
DAMPING, RANKS = 0.01, (1, 6)


def truncated(a, rank):
    u, s, v = np.linalg.svd(a, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ v[:rank], s


def main():
    name, outputs, inputs, tokens = "low-rank", 72, 88, 400
    d, rng = refs.case_dir(name), refs.rng("data", "low-rank")
    # Eight directions that stand out, and no gap behind them.
    w = rng.standard_normal((outputs, 8)) * 0.8 ** np.arange(8) @ rng.standard_normal((8, inputs))
    w = (0.03 * (w + rng.standard_normal((outputs, inputs)))).astype(np.float32)
    # Neighbours are correlated, strengths fall by a hundred, means are not 0.
    x = rng.standard_normal((tokens, inputs)) + np.roll(rng.standard_normal((tokens, inputs)).cumsum(1) * 0.2, 7, 1)
    x = (x + rng.standard_normal(inputs)) * np.exp(-4.6 * rng.permutation(inputs) / inputs)
    gram, total = (x.T @ x).astype(np.float32), x.sum(0).astype(np.float32)

    mean = total.astype(np.float64) / tokens
    c = gram.astype(np.float64) / tokens - np.outer(mean, mean)
    h = c + DAMPING * np.diag(c).mean() * np.eye(inputs)
    f = np.linalg.cholesky(h)
    out, facts = {"weight": w, "gram": gram, "sum": total}, {}
    for rank in RANKS:
        best, s = truncated(w.astype(np.float64) @ f, rank)
        out[f"output.{rank}"] = np.linalg.solve(f.T, best.T).T
        facts[f"output.{rank}"] = [float((s[rank:] ** 2).sum()), float(s[rank - 1] / s[rank])]
        out[f"weight.{rank}"], s = truncated(w.astype(np.float64), rank)
        facts[f"weight.{rank}"] = [float((s[rank:] ** 2).sum()), float(s[rank - 1] / s[rank])]
    refs.io(d, out)
    refs.finish(
        d, case=name, cls="numpy.linalg.svd, float64", damping=DAMPING, tokens=tokens,
        losses={k: v[0] for k, v in facts.items()}, singular_value_ratios={k: v[1] for k, v in facts.items()},
        description="the approximations of rank 1 and 6 nearest to weight in the layer's output and in the weight",
        notes="output.R, weight.R [N][K] F32; losses: tr((W - L) H (W - L)') and |W - L|^2 of each; ratios of the "
              "last singular value kept to the first left out",
        tolerance={"why": "none of its own: LAPACK in float64, stored F32; branches are kept in F16 (2^-11)"})


if __name__ == "__main__":
    main()
