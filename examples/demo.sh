#!/bin/sh
# From prompts to 4-bit pictures on the example model, with all four tools in one pipe.
# Leaves in demo/: the packed model, pictures of both models, and the contact sheet sheet.png.
set -eu

examples=$(dirname "$0")
model=$examples/emoji-pixart
out=${1:-demo}
mkdir -p "$out/float" "$out/w4a6"

echo "== the float model, 32 prompts it was not calibrated on"
dit-run -v -m "$model" -f "$examples/prompts.txt" -o "$out/float/%02d.png"

echo "== statistics | rounding | packing | sampling: 4-bit weights, 6-bit activations"
fpq-stats -v -m "$model" -f "$examples/calibration.txt" \
  | fpq-round -v \
  | fpq-pack -v -o - \
  | tee "$out/packed.safetensors" \
  | dit-run -v -f "$examples/prompts.txt" -o "$out/w4a6/%02d.png"

echo "== float on the left, W4A6 on the right of each pair"
fpq-show sheet "$out/float" "$out/w4a6" --columns 16 -o "$out/sheet.png"
fpq-show compare "$out/float" "$out/w4a6"
ls -l "$model/transformer/diffusion_pytorch_model.safetensors" "$out/packed.safetensors" \
  | awk '{ printf "%12d bytes  %s\n", $5, $NF }'
echo "contact sheet: $out/sheet.png"
