import Foundation
import Platform

/// Plots by the gnuplot program.
package enum Gnuplot {
  /// A PNG of `histogram`.
  package static func png(_ histogram: Histogram, logarithmic: Bool) throws -> Data {
    let title = Console.printable(histogram.title).replacing("'", with: "''")
    let centres = histogram.counts.indices.map { bin in
      "\((histogram.border(bin) + histogram.border(bin + 1)) / 2) \(histogram.counts[bin])\n"
    }
    return try run(
      """
      set terminal pngcairo size 900,500 noenhanced
      set title '\(title)'
      set xlabel 'value'
      set ylabel 'count'
      set style fill solid 0.6 noborder
      unset key
      \(logarithmic ? "set logscale y\nset yrange [0.5:*]" : "set yrange [0:*]")
      plot '-' using 1:2 with boxes
      \(centres.joined())e

      """)
  }

  /// What gnuplot writes to stdout for `script`.
  private static func run(_ script: String) throws -> Data {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    guard
      let program = folders.map({ "\($0)/gnuplot" })
        .first(where: { FileManager.default.isExecutableFile(atPath: $0) })
    else {
      throw Failure("gnuplot", "expected it for plots, found none; apt install gnuplot-nox")
    }
    // Files without a name instead of pipes: no side can wait for the other.
    let (input, output, error) = (try unnamedFile(), try unnamedFile(), try unnamedFile())
    var text = script
    let isWritten = text.withUTF8 {
      writeAll(UnsafeRawBufferPointer($0), to: input.fileDescriptor)
    }
    guard isWritten else {
      throw Failure(NSTemporaryDirectory(), "cannot be written: \(systemReason())")
    }
    lseek(input.fileDescriptor, 0, SEEK_SET)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.standardInput = input
    process.standardOutput = output
    process.standardError = error
    do { try process.run() } catch { throw Failure(program, "cannot be run") }
    process.waitUntilExit()
    let result = contents(output)
    guard process.terminationStatus == 0, !result.isEmpty else {
      let message = String(decoding: contents(error), as: UTF8.self)
      let line = message.split(separator: "\n").first { $0.contains { $0.isLetter } }
      throw Failure("gnuplot", line.map(String.init) ?? "ended without a picture")
    }
    // gnuplot does not look whether its output could be written; a full disk leaves it cut short.
    _ = try Image(pngBytes: Array(result), place: "gnuplot")
    return result
  }

  private static func contents(_ file: FileHandle) -> Data {
    lseek(file.fileDescriptor, 0, SEEK_SET)
    return (try? file.readToEnd()) ?? Data()
  }

  private static func unnamedFile() throws -> FileHandle {
    var name = Array("\(NSTemporaryDirectory())/fpq-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else {
      throw Failure(NSTemporaryDirectory(), "cannot be written: \(systemReason())")
    }
    unlink(name)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }
}
