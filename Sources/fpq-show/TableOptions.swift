import ArgumentParser
import Inspection
import Platform

/// How tables are printed; shared by all subcommands.
struct TableOptions: ParsableArguments {
  @Flag(help: "Tab-separated columns with a line of names; numbers in full precision.")
  var tsv = false

  @Flag(help: "JSON; infinite numbers and NaN as the strings \"inf\", \"-inf\", \"nan\".")
  var json = false

  var style: Table.Style { tsv ? .tsv : json ? .json : .aligned }

  func validate() throws {
    if tsv && json { throw ValidationError("--tsv and --json exclude each other.") }
  }

  func print(_ table: Table) throws { try Console.output(table.rendered(style)) }
}
