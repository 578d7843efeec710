import Foundation
import Platform
import Tensors

/// `fpq-show check`: whether files are as they were written.
package struct CheckFiles {
  package let table: Table
  private var damaged: [String] = []
  private var whole = 0
  private let paths: [String]

  /// Reads all of `paths`: files, `-`, or folders, of which the safetensors files below are read.
  package init(_ paths: [String]) throws {
    self.paths = paths
    var table = Table(["file", "state", "tensors", "note"])
    let files = try paths.flatMap(CheckFiles.files)
    let progress = Progress("checking", total: files.count, unit: "files")
    for path in files {
      do {
        let file = try SafetensorsFile(path)
        let state = file.hasDigests ? "whole" : "no digests"
        whole += file.hasDigests ? 1 : 0
        table.append([.text(path), .text(state), .integer(file.names.count), .none])
      } catch let failure as Failure {
        damaged.append(path)
        table.append([.text(path), .text("damaged"), .none, .text(failure.description)])
      }
      progress.advance()
    }
    progress.finish()
    self.table = table
  }

  /// - Throws: `Failure` when a file is damaged, or none of them has digests to check it by.
  package func check() throws {
    if let first = damaged.first {
      throw Failure(first, "damaged, as \(damaged.count) of \(table.rows.count) files")
    }
    guard whole > 0 else {
      throw Failure(
        paths.joined(separator: ", "),
        "expected a file that fpq wrote, found none with digests to check")
    }
  }

  /// The files that `path` stands for, ascending.
  private static func files(_ path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard path != "-", exists, isFolder.boolValue else { return [path] }
    return try folderContents(path).sorted().flatMap { try files("\(path)/\($0)") }
      .filter { $0.hasSuffix(".safetensors") }
  }
}
