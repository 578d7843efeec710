#!/usr/bin/env bash
# Runs each target of the fuzzer BINARY for SECONDS, WORKERS targets at a time; with names, those
# alone. Inputs that reach new code are kept in FOLDER/corpus, finds in FOLDER/finds.
# Usage: run.sh BINARY FOLDER SECONDS WORKERS [NAME...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$1 folder=$2 seconds=$3 workers=$4
shift 4

# How long inputs may be: as long as what a reader looks at needs, as short inputs are read faster.
longest() {
  case $1 in
    json) echo 128 ;;
    captions | prompts) echo 200 ;;
    safetensors | vocabulary) echo 512 ;;
    config | tokenizer) echo 2048 ;;
    *) echo 4096 ;;
  esac
}

fuzz() {
  local name=$1
  mkdir -p "$folder/corpus/$name" "$folder/finds/$name"
  # What is allocated and never freed is no find in programs that run once; 5 seconds and 2 GB are.
  if ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 nice -n 19 "$binary" \
    --target="$name" -dict="$here/words.dict" -max_len="$(longest "$name")" -close_fd_mask=2 \
    -timeout=5 -rss_limit_mb=2048 -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="$folder/finds/$name/" "$folder/corpus/$name" "$here/Seeds/$name" \
    > "$folder/$name.log" 2>&1; then
    state=held
  else
    state=FELL
  fi
  awk -v name="$name" -v state="$state" '
    / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
    /number_of_executed_units/ { runs = $2 }
    /average_exec_per_sec/ { rate = $2 }
    END { printf "%-14s %11d executions %7d a second %6d edges  %s\n", name, runs, rate, cov, state }
  ' "$folder/$name.log"
  [ "$state" = held ]
}

export -f fuzz longest
export here binary folder seconds
mkdir -p "$folder"
[ $# -gt 0 ] || set -- $("$binary" --list)
printf '%s\n' "$@" | xargs -P "$workers" -I NAME bash -c 'fuzz NAME'
