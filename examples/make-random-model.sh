#!/bin/sh
# Writes a model folder of the real size with random weights: for dry runs of time, memory and disk before a download of 20 GB.
#
#     examples/make-random-model.sh pixart-alpha|pixart-sigma|hunyuan-dit FOLDER [--dtype F32|F16|BF16] [--sample-size 64|128]
#                                   [--layers N] [--text-layers N]
#
# The shapes are those of the published checkpoints, F32 unless told otherwise: PixArt 22 GB (T5-XXL 19 of them, in shards of 5 GB),
# Hunyuan-DiT 14 GB. --layers and --text-layers make fewer blocks. Tokenizers are small ones: prompts are more tokens than with the
# originals'. What it draws is noise. PyTorch, diffusers and transformers come from PyPI into ~/.cache/fpq-random-model, or PYTHON has
# them; fpq itself needs none of this.
set -eu
here=$(dirname "$0")
python=${PYTHON:-${XDG_CACHE_HOME:-$HOME/.cache}/fpq-random-model/bin/python}
if [ ! -x "$python" ]; then
  python3 -m venv "$(dirname "$(dirname "$python")")"
  "$python" -m pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu torch diffusers transformers safetensors
fi
exec "$python" "$here/make_random_model.py" "$@"
