#!/bin/sh
# Prints the SHA-256 of what each stage makes of the example model and of the reference pipelines,
# one line a file: what a change that should change no numbers is held against.
#
#   Tests/fingerprints.sh OLD/.build/release > before.txt
#   Tests/fingerprints.sh     .build/release > after.txt && diff before.txt after.txt
#
# Run from the project's root: streams name their model as it was given. Statistics are compared by
# what they hold (fingerprints.py), as their layout may change; reports without their seconds.
set -eu

PATH=$1:$PATH
here=$(dirname "$0")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

show() { # NAME FILE
  printf '%s  %s\n' "$(sha256sum < "$2" | cut -c 1-32)" "$1"
}
statistics() { # NAME FILE
  printf '%s  %s\n' "$(python3 "$here/fingerprints.py" "$2")" "$1"
}

example=examples/emoji-pixart
alpha=Tests/References/pipeline-alpha/pipeline
sigma=Tests/References/pipeline-sigma/pipeline
head -n 6 examples/calibration.txt > "$out/prompts.txt"
tail -n 3 examples/calibration.txt > "$out/others.txt"

for model in example alpha sigma; do
  eval folder=\$$model
  fpq-stats -m "$folder" -f "$out/prompts.txt" --steps 4 --seed 3 -o "$out/$model.stats"
  statistics "stats $model" "$out/$model.stats"
done
fpq-stats -m $example -f "$out/others.txt" --steps 4 --seed 90 -o "$out/others.stats"
statistics "stats example, held out" "$out/others.stats"
fpq-stats -m $sigma -f "$out/prompts.txt" --steps 3 --guidance-scale 1 --tokens-per-sample 5 \
  -n "" --scheduler ddpm -o "$out/unguided.stats"
statistics "stats sigma, no guidance" "$out/unguided.stats"

picture() { # NAME MODEL OPTIONS...
  name=$1; model=$2; shift 2
  dit-run -m "$model" -p "red heart" -s 4 --steps 3 -o "$out/picture.png" "$@"
  show "png   $name" "$out/picture.png"
}
chain() { # NAME MODEL OPTIONS...
  name=$1; model=$2; shift 2
  fpq-round -i "$out/$model.stats" -o "$out/codes" --report "$out/report" "$@"
  show "codes $name" "$out/codes"
  cut -f 1-11,13- "$out/report" | sort > "$out/table"
  show "table $name" "$out/table"
  fpq-pack -i "$out/codes" -o "$out/packed.safetensors" --verify 2> /dev/null
  show "pack  $name" "$out/packed.safetensors"
  picture "$name" "$out/packed.safetensors"
}

blocks='transformer_blocks.*'
plain="--group-size 128 --scale-type f16 --hadamard 1 --no-center --no-smooth"
chain balanced example --held-out "$out/others.stats"
picture "balanced, W4A16" "$out/packed.safetensors" --activations none
picture "balanced, W4A8 e3m4" "$out/packed.safetensors" --activations e3m4:token
picture "balanced, e4m3" "$out/packed.safetensors" --activations e4m3
picture "balanced, attention" "$out/packed.safetensors" --attention a6
chain "balanced alpha" alpha
chain "balanced sigma" sigma --smooth 0.5 --hadamard 16
chain "balanced sigma, unguided" unguided --no-sort-channels --damping 0.03
chain lean example --no-center --no-smooth
chain "centre alone" example --hadamard 1 --no-smooth --skip '*.attn2.*'
chain nearest example --method nearest --scale absmax $plain --format "$blocks=e2m1"
chain gptq example --method gptq $plain --format "$blocks=e2m1" --no-bias-correction
chain "mse e3m0" example --scale mse --format "$blocks=e3m0" --no-smooth
chain int4 example --method gptq $plain --format "$blocks=int4"
chain adaround example --method adaround --iterations 40 $plain --format "$blocks=e1m2"
chain "adaround plain int4" example --method adaround --no-scale-aware --iterations 40 $plain --format "$blocks=int4"
chain fp4dit-alpha example --recipe fp4dit-alpha --iterations 30
chain fp4dit-sigma sigma --recipe fp4dit-sigma --iterations 30
chain two-sided example $plain --format "$blocks=e2m1" --asymmetric
chain fp5.33 example --method nearest $plain --format "$blocks=fp5.33"
chain fp4.25 example --method nearest $plain --format "$blocks=fp4.25" --shared-bit overwrite
chain nvfp4 example --method nearest --format "$blocks=e2m1" --group-size 16 --hadamard 1 --no-center \
  --no-smooth --scale absmax
chain four-over-six example --method nearest --format "$blocks=e2m1" --group-size 16 --hadamard 1 \
  --no-center --no-smooth --scale four-over-six
chain rank example --method gptq --group-size 128 --scale-type f16 --hadamard 1 --no-center --smooth 0.5 \
  --format "$blocks=e2m1" --rank 8 --rank-metric weight
chain "rank, output" alpha $plain --format "$blocks=e2m1" --rank 4
chain greedy-a8 example --recipe fpq-greedy --iterations 20
chain greedy-a6 sigma --recipe fpq-greedy --activation-bits 6 --iterations 20
chain "blocks, adaround" example --recipe fp4dit-alpha --objective block --iterations 6 --samples 24 \
  --batch-size 4 --trace "$out/trace"
show "trace blocks, adaround" "$out/trace"
chain "blocks, tuned" sigma --objective block --iterations 12 --samples 24 --batch-size 4 --tune-codes \
  --tune-activations e2m3
chain "blocks, full" alpha --objective block --inputs full --iterations 6 --samples 24 --batch-size 4
chain "layers, quantized" example --inputs quantized --samples 40
chain "layers, trace" alpha --method adaround --iterations 30 --format "$blocks=e2m1" --trace "$out/trace"
show "trace layers" "$out/trace"
for bits in 4 8; do
  fpq-round advise -i "$out/alpha.stats" --bits $bits --tsv > "$out/advice"
  show "advice $bits" "$out/advice"
done

# Shards of layers, activations of the user's, a folder.
fpq-round -i "$out/example.stats" --layers '*.attn1.*' -o "$out/a"
fpq-round -i "$out/example.stats" --layers '*.attn2.*' -o "$out/b"
fpq-round -i "$out/example.stats" --layers '*.ff.*' -o "$out/c"
fpq-pack -i "$out/a" "$out/b" "$out/c" -o "$out/folder" --activations int8:token --attention int8 2> /dev/null
show "folder" "$out/folder/transformer/diffusion_pytorch_model.safetensors"
picture "folder" "$out/folder"

for model in example alpha sigma; do
  eval folder=\$$model
  picture "float $model" "$folder" --save-latents "$out/latents"
  show "latents $model" "$out/latents"
done
picture "float, W16A6" $example --activations e2m3 --attention activations
picture "float, tiles" $example --vae-tiling -W 96 -H 128
picture "float, negative" $sigma -n "blue" --guidance-scale 7 --no-metadata
for scheduler in ddim euler ddpm unipc lcm; do picture "float, $scheduler" $example --scheduler $scheduler; done
dit-run -m $example -p owl --steps 2 -o "$out/picture.png" --dump '*@1' --dump-file "$out/dump"
show "dump" "$out/dump"
