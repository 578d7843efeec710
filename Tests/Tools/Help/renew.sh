#!/bin/sh
# Writes anew what `--help` prints, a file per tool and subcommand, which HelpTests compares. Usage,
# from anywhere, after a build: Tests/Tools/Help/renew.sh [folder of the tools]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "${1:-$here/../../../.build/release}" && pwd)
rm -f "$here"/*.txt
for tool in fpq-stats fpq-round fpq-pack dit-run fpq-show; do
  "$tools/$tool" --help > "$here/$tool.txt"
  # Names stand two columns in, under SUBCOMMANDS, or in the lines of usage after the tool's.
  for command in $(awk '/^SUBCOMMANDS:/ { on = 1; next } /^$/ { on = 0; usage = 0 }
      on && /^  [^ ]/ { print $1 }
      /^USAGE:/ { usage = 1; sub("USAGE:", "") } usage && $2 ~ /^[a-z]/ { print $2 }' \
      "$here/$tool.txt"); do
    "$tools/$tool" "$command" --help > "$here/$tool-$command.txt"
  done
done
