import Foundation
import Synchronization

/// Messages to people: always stderr, and each with the tool's name before it.
///
/// Text results go to stdout, by `output`.
package enum Console {
  private struct State {
    var tool = "fpq"
    /// Whether a line of progress stands on the terminal, to be erased before a message.
    var lineIsDrawn = false
  }

  private static let state = Mutex(State())

  /// The name before every message; set once by the tool's `main`.
  package static var toolName: String {
    get { state.withLock { $0.tool } }
    set { state.withLock { $0.tool = newValue } }
  }

  package static func say(_ message: String) {
    state.withLock { state in
      let erase = state.lineIsDrawn ? "\r\u{1B}[K" : ""
      state.lineIsDrawn = false
      write("\(erase)\(state.tool): \(printable(message))\n")
    }
  }

  /// Writes several lines of text to stderr as they are, as the argument parser has them.
  package static func show(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    write(lines.map { printable(String($0)) + "\n" }.joined())
  }

  /// Replaces the line of progress; nil erases it.
  static func draw(_ line: String?) {
    state.withLock { state in
      guard line != nil || state.lineIsDrawn else { return }
      state.lineIsDrawn = line != nil
      write("\r\(line.map { "\(state.tool): \($0)" } ?? "")\u{1B}[K")
    }
  }

  /// Writes a text result to stdout.
  ///
  /// - Throws: `Failure` when stdout cannot be written, as with a full disk; `print` would lose
  ///   that.
  package static func output(_ text: String) throws {
    var text = text
    try text.withUTF8 { bytes in
      guard writeAll(UnsafeRawBufferPointer(bytes), to: STDOUT_FILENO) else {
        throw Failure("<stdout>", "cannot be written: \(systemReason())")
      }
    }
  }

  /// `text` with control characters spelled out as in JSON, so that a name in a file cannot steer
  /// the terminal.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return text.unicodeScalars.map { scalar in
      switch scalar {
      case "\n": "\\n"
      case "\t": "\\t"
      case _ where isControl(scalar): String(format: "\\u%04x", scalar.value)
      default: String(scalar)
      }
    }.joined()
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control
  }

  /// A message that cannot be written has nobody to hear about it.
  private static func write(_ text: String) {
    var text = text
    text.withUTF8 { _ = writeAll(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
  }

  /// Makes sure that 0, 1 and 2 are open, so that a file we open is never taken for stdout.
  ///
  /// A closed one is opened for the wrong direction (as gnulib's stdopen does): using it then fails
  /// as it should.
  package static func openStandardDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  package static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}
