import CFuzzer
import FuzzTargets
import Platform

/// `fpq-fuzz --target=NAME [options of libFuzzer] FOLDER...`: runs one target on inputs that
/// libFuzzer makes; `--list` names them all.
///
/// libFuzzer takes no notice of options with two dashes, and hands them on to processes that it
/// starts.
@main
struct FpqFuzz {
  /// Set once, before the first input; libFuzzer calls a C function, which holds nothing.
  nonisolated(unsafe) static var target = FuzzTarget.json

  static func main() {
    let words = CommandLine.arguments.dropFirst()
    if words.first == "--list" {
      for target in FuzzTarget.allCases { print(target.rawValue) }
      return
    }
    let name = words.first { $0.hasPrefix("--target=") }?.dropFirst("--target=".count)
    guard let found = FuzzTarget(rawValue: String(name ?? "")) else {
      fatalError("expected --target=NAME, one of \(FuzzTarget.allCases.map(\.rawValue))")
    }
    target = found
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer? = CommandLine.unsafeArgv
    _ = LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
      do {
        try FpqFuzz.target.read(UnsafeRawBufferPointer(start: bytes, count: count))
      } catch {
        // Any error but the one with a place and a problem is a find as a trap is one.
        fatalError("\(FpqFuzz.target.rawValue) threw \(type(of: error)): \(error)")
      }
      return 0
    }
  }
}
