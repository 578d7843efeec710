import ArgumentParser
import CommandLine
import Platform

@main
struct FpqShow: Tool {
  static let configuration = CommandConfiguration(commandName: "fpq-show")
  func run() throws {}
}
