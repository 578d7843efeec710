#!/bin/sh
# Puts the tables that come on stdin between the two lines of FILE that mark their place.
#
#   insert.sh FILE
set -eu

awk '
  reading { table = table $0 "\n"; next }
  /^<!-- end of tables -->$/ { inside = 0; ends++ }
  !inside { print }
  /^<!-- tables, by make -->$/ { inside = 1; begins++; printf "%s", table }
  END { exit table == "" || begins != 1 || ends != 1 || inside }
' reading=1 - reading= "$1" > "$1.part" || {
  rm -f "$1.part"
  echo "insert.sh: $1: expected tables on stdin and one pair of lines that mark their place" >&2
  exit 1
}
mv "$1.part" "$1"
