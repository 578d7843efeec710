import ArgumentParser
import Platform

/// Options of every tool.
package struct RunArguments: ParsableArguments {
  @Option(
    name: [.customShort("t"), .long],
    parsing: .unconditional,
    help: "Threads (default: all cores). Never changes the result.")
  package var threads: Int?

  @Flag(name: [.short, .long], help: "Print timings and memory on stderr.")
  package var verbose = false

  package init() {}

  package func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads must be 1 to 1024")
    }
  }

  /// Puts the options into force.
  package func apply() {
    if let threads { Parallel.threads = threads }
    if verbose { Memory.watch() }
  }
}
