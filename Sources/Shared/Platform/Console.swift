import Foundation
import Synchronization

/// Messages to people: always stderr, always prefixed with the tool's name.
package enum Console {
  private static let tool = Mutex("fpq")

  /// The name before every message; set once by the tool's `main`.
  package static var toolName: String {
    get { tool.withLock { $0 } }
    set { tool.withLock { $0 = newValue } }
  }

  package static func say(_ message: String) {
    write("\(toolName): \(message)\n")
  }

  static func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }

  package static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
  package static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}
