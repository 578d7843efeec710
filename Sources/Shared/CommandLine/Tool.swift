import ArgumentParser
import Foundation
import Platform

/// A command-line tool: arguments by ArgumentParser, failures as one line on stderr, exit codes 0, 1, 2, 64.
package protocol Tool: ParsableCommand {}

extension Tool {
  /// Parses, runs, and turns what is thrown into the one-line form and the exit code.
  ///
  /// 1: it could not be done; 2: it was done, and a threshold that the user gave was missed; 64: the arguments are wrong.
  package static func main() {
    Console.openStandardDescriptors()
    Console.toolName = _commandName
    Interrupt.install()
    do {
      try requireUTF8Arguments()
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      Console.say(failure.description)
      exit(withError: ExitCode.failure)
    } catch let missed as ThresholdMissed {
      Console.say(missed.description)
      exit(withError: ExitCode(2))
    } catch {
      // What Foundation throws would be printed as a paragraph; the parser's own errors are 64, or 0 for --help.
      if !(error is ExitCode), exitCode(for: error) == .failure {
        Console.say(Failure(message(for: error)).description)
        exit(withError: ExitCode.failure)
      }
      exit(withError: error)
    }
  }

  /// Swift repairs arguments that are no UTF-8 without a word; a prompt or a file name would quietly be another.
  private static func requireUTF8Arguments() throws {
    for number in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = CommandLine.unsafeArgv[number] else { continue }
      let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw Failure("argument \(number)", "expected UTF-8 text")
      }
    }
  }
}
