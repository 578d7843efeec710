import ArgumentParser
import CommandLine
import Platform

@main
struct FpqStats: Tool {
  static let configuration = CommandConfiguration(commandName: "fpq-stats")
  func run() throws {}
}
