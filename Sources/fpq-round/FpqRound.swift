import ArgumentParser
import CommandLine
import Platform

@main
struct FpqRound: Tool {
  static let configuration = CommandConfiguration(commandName: "fpq-round")
  func run() throws {}
}
