import ArgumentParser
import Foundation
import Platform

/// A command-line tool: arguments by ArgumentParser, failures as one line on stderr, exit codes 0,
/// 1, 2, 64.
package protocol Tool: ParsableCommand {}

extension Tool {
  /// Parses, runs, and turns what is thrown into the one-line form and the exit code.
  ///
  /// 1: it could not be done; 2: it was done, and a threshold that the user gave was missed; 64:
  /// the arguments are wrong.
  package static func main() {
    Console.openStandardDescriptors()
    Console.toolName = _commandName
    Interrupt.install()
    let code = outcome {
      try requireUTF8Arguments()
      try checkTier()
      var command = try parseAsRoot()
      try command.run()
    }
    exit(withError: code)
  }

  /// Runs `body`, says what it throws, and returns what to exit with.
  private static func outcome(_ body: () throws -> Void) -> ExitCode {
    do {
      try body()
      return .success
    } catch let failure as Failure {
      Console.say(failure.description)
      return .failure
    } catch let missed as ThresholdMissed {
      Console.say(missed.description)
      return ExitCode(2)
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error, columns: helpColumns)
      switch code {
      case .success: return outcome { try Console.output(text + "\n") }
      case .failure: Console.say(foundationFailure(error).description)
      default: Console.show(text)
      }
      return code
    }
  }

  /// What Foundation throws, with its file and its reason, which its own text leaves out.
  private static func foundationFailure(_ error: any Error) -> Failure {
    let details = (error as NSError).userInfo
    let reason = (details[NSUnderlyingErrorKey] as? NSError).flatMap {
      $0.domain == NSPOSIXErrorDomain
        ? String(cString: strerror(Int32(clamping: $0.code))).lowercased() : nil
    }
    let path = details[NSFilePathErrorKey] as? String ?? (details[NSURLErrorKey] as? URL)?.path
    guard let path else { return Failure(reason ?? message(for: error)) }
    return Failure(path, "cannot be read or written: \(reason ?? message(for: error))")
  }

  /// The same for every terminal: lines of examples, which stay below it, must be whole where they
  /// are copied from, and a terminal that is narrower wraps them without a line break in them.
  private static var helpColumns: Int { 80 }

  /// Refuses a name in FPQ_TIER that the kernels, which take what they do not know for none, would
  /// pass over in silence.
  private static func checkTier() throws {
    let known = ["scalar", "avx2", "avx512"]
    let tier = ProcessInfo.processInfo.environment["FPQ_TIER"] ?? ""
    guard tier.isEmpty || known.contains(tier) else {
      throw Failure("FPQ_TIER", "expected \(known.joined(separator: " or ")), found \(tier)")
    }
  }

  /// Swift repairs arguments that are no UTF-8 without a word; a prompt or a file name would
  /// quietly be another.
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
