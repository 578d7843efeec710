import ArgumentParser
import CommandLine

/// Chooses codes, `Round`, unless another subcommand is named.
@main
struct FpqRound: Tool {
  static let configuration = CommandConfiguration(
    commandName: "fpq-round",
    abstract: Round.configuration.abstract,
    subcommands: [Round.self, Advise.self],
    defaultSubcommand: Round.self,
    // So that --help is that of the default.
    helpNames: [])
}
