# README.md with the file `table` between the lines that mark where it goes.
/^<!-- end of the evaluation's table -->$/ { inside = 0 }
!inside { print }
/^<!-- the evaluation's table -->$/ {
  inside = 1
  while ((getline line < table) > 0) print line
}
