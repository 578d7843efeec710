import ArgumentParser
import CommandLine
import Platform

@main
struct DitRun: Tool {
  static let configuration = CommandConfiguration(commandName: "dit-run")
  func run() throws {}
}
