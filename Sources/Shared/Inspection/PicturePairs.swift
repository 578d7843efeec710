import Foundation
import Platform

/// Two pictures to be compared, with the name they go by.
package struct PicturePair: Sendable {
  package let name: String
  package let a: String
  package let b: String
}

/// The pictures to compare: the two files, or, for two folders, the PNG files of equal names in
/// both.
///
/// - Throws: `Failure` when one is a folder and the other is not, or when a name is missing in one
///   of them.
package func picturePairs(_ a: String, _ b: String) throws -> [PicturePair] {
  switch (try pictures(in: a), try pictures(in: b)) {
  case (nil, nil): return [PicturePair(name: b, a: a, b: b)]
  case (let left?, let right?):
    guard !left.isEmpty else { throw Failure(a, "expected PNG files, found none") }
    for (folder, names, others) in [(b, left, right), (a, right, left)] {
      if let missing = names.first(where: { !others.contains($0) }) {
        throw Failure(folder, "expected \(missing) as in the other folder, found none")
      }
    }
    return left.map { PicturePair(name: $0, a: "\(a)/\($0)", b: "\(b)/\($0)") }
  case (nil, _): throw Failure(a, "expected a folder as \(b) is, found a file")
  case (_, nil): throw Failure(b, "expected a folder as \(a) is, found a file")
  }
}

/// The names of the PNG files in the folder `path`, ascending; nil when it is no folder.
private func pictures(in path: String) throws -> [String]? {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
  else { return nil }
  return try folderContents(path).filter { $0.hasSuffix(".png") }
}
