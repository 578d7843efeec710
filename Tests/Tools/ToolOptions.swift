import Foundation
import Tensors
import TestSupport

/// An option of a tool as the tool lists it itself.
struct ToolOption {
  /// The tool, or the tool and its subcommand.
  let command: String
  let names: [String]
  /// Whether a value follows it.
  let takesValue: Bool
}

enum ToolOptions {
  /// The options and flags of `tool` and its subcommands.
  static func list(of tool: String) throws -> [ToolOption] {
    let dump = try Shell.run(tool, ["--experimental-dump-help"])
    let json = try dump.output.withUnsafeBytes { try JSON(parsing: $0) }
    return options(json["command"], "")
  }

  private static func elements(_ json: JSON?) -> [JSON] {
    if case .array(let list)? = json { list } else { [] }
  }

  private static func options(_ command: JSON?, _ parents: String) -> [ToolOption] {
    let path = parents + (command?["commandName"]?.string ?? "")
    let own = elements(command?["arguments"]).map { argument in
      ToolOption(
        command: path,
        names: elements(argument["names"]).compactMap { name in
          name["name"]?.string.map { (name["kind"]?.string == "short" ? "-" : "--") + $0 }
        }, takesValue: argument["kind"]?.string == "option")
    }
    return own.filter { !$0.names.isEmpty }
      + elements(command?["subcommands"]).flatMap { options($0, "\(path) ") }
  }
}
