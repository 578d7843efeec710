import Foundation
import TestSupport
import Testing

/// Calls of the C library that fail, by the library in Preload.
struct InjectionTests {
  private static let library = "\(Shell.tools)/libfpq-faults.so"

  /// The calls, and what each fails with: no space, an error of the disk, no memory.
  static let calls: [(name: String, error: Int32)] = [
    ("write", ENOSPC), ("read", EIO), ("open", EIO), ("close", EIO), ("fsync", EIO),
    ("rename", EIO), ("mkdir", ENOSPC), ("mmap", ENOMEM),
  ]

  /// The files that an undisturbed run leaves, what it prints, and how often it makes each call.
  private static func undisturbed(
    _ run: SmallRun
  ) throws -> (files: [String: Data], output: Data, counts: [String: Int]) {
    let (folder, other) = (try run.folder(), try TemporaryFolder())
    let result = try run(
      in: folder,
      environment: ["LD_PRELOAD": library, "FAULTS_COUNTS": other.file("counts")])
    #expect(result.status == 0, "\(result.error)")
    var counts: [String: Int] = [:]
    let lines = String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: other.file("counts"))), as: UTF8.self)
    for line in lines.split(separator: "\n") {
      let words = line.split(separator: " ")
      counts[String(words[0])] = Int(words[1])
    }
    return (try files(in: folder), result.output, counts)
  }

  /// After each fault a line and exit 1, or all as if nothing had been; no file that is neither the
  /// old one nor the new one; and the next run makes what this one would have.
  @Test(arguments: SmallRun.all)
  func `any call may fail, or be the last`(_ run: SmallRun) throws {
    let whole = try InjectionTests.undisturbed(run)
    for (call, error) in InjectionTests.calls {
      guard let count = whole.counts[call], count > 0 else { continue }
      for number in triesAll ? Array(1...count) : [count / 2 + 1] {
        for code in triesAll ? [error, 0] : [call == "rename" ? 0 : error] {
          try disturb(run, "\(call):\(number):\(code)", whole.files, whole.output)
        }
      }
    }
  }

  private func disturb(
    _ run: SmallRun, _ fault: String, _ whole: [String: Data], _ output: Data
  ) throws {
    let isKilled = fault.hasSuffix(":0")
    let folder = try run.folder()
    let before = try files(in: folder)
    let result = try run(
      in: folder, environment: ["LD_PRELOAD": InjectionTests.library, "FAULTS_AT": fault])
    // What is kept for another try is of no harm where it could not be removed.
    let after = try files(in: folder).filter { !$0.key.hasPrefix("out.resume") }
    // A call that was not needed, or one that the run did not come to: how often memory is looked
    // at depends on the time.
    if result.status == 0 {
      let others = after.filter { whole[$0.key] != $0.value }.keys.sorted()
      #expect(others.isEmpty && after.count == whole.count, "\(fault) was passed over: \(others)")
      #expect(result.output == output, "\(fault) was passed over")
      return
    }
    #expect(result.status == (isKilled ? 137 : 1), "\(fault): \(result.error)")
    #expect(isKilled || run.isOneLine(result.error), "\(fault): \(result.error)")
    for (name, bytes) in after {
      let isLeft = isKilled && name.contains(".part")
      #expect(isLeft || bytes == before[name] || bytes == whole[name], "\(fault): \(name)")
    }
    #expect(before.keys.allSatisfy { after[$0] != nil }, "\(fault)")
    let again = try run(in: folder)
    #expect(again.status == 0, "after \(fault): \(again.error)")
    #expect(try files(in: folder).filter { !$0.key.contains(".part") } == whole, "after \(fault)")
  }

  @Test(arguments: SmallRun.all)
  func `calls that move few bytes or are interrupted change nothing`(_ run: SmallRun) throws {
    let whole = try InjectionTests.undisturbed(run)
    for seed in 1...(triesAll ? 30 : 1) {
      let folder = try run.folder()
      let result = try run(
        in: folder,
        environment: ["LD_PRELOAD": InjectionTests.library, "FAULTS_SHORT": "\(seed)"])
      #expect(result.status == 0 && result.output == whole.output, "\(seed): \(result.error)")
      #expect(try files(in: folder) == whole.files, "\(seed)")
    }
  }
}
