import ArgumentParser
import CommandLine
import Platform

@main
struct FpqPack: Tool {
  static let configuration = CommandConfiguration(commandName: "fpq-pack")
  func run() throws {}
}
