import Foundation
import Platform
import Tensors

/// What a folder was written with, kept in it as `fpq-pack.json`: by it a later run knows that
/// nothing in the folder is anybody else's, and that it may be replaced.
///
/// `files` has an entry for each file, link and folder by its path: `link to PLACE`, `folder`, or
/// the digest of a file (`Digest.add(fileAt:)`, without the time).
enum FolderListing {
  static let name = "fpq-pack.json"

  /// The listing of what `folder` holds.
  ///
  /// - Throws: `Failure` for a file that cannot be read.
  static func json(of folder: String) throws -> String {
    let entries = try names(in: folder).map { name in
      JSON.Member(key: name, value: .string(try description("\(folder)/\(name)")))
    }
    return JSON.object([.init(key: "files", value: .object(entries))]).compact + "\n"
  }

  /// Refuses to lose what `folder` holds, unless it is empty, or holds what its listing says and
  /// nothing else.
  ///
  /// - Parameters:
  ///   - folder: where it is.
  ///   - place: names it in a failure.
  /// - Throws: `Failure` naming the first file that was not written with it, or not so.
  static func check(_ folder: String, as place: String) throws {
    let contents = try folderContents(folder)
    guard let first = contents.first else { return }
    guard let listing = try? ModelConfig("\(folder)/\(name)").json["files"],
      case .object(let entries) = listing
    else {
      throw Failure(
        place,
        "expected an earlier packed model to replace, an empty folder or a new name, found a folder "
          + "that fpq-pack did not write, with \(first)")
    }
    let written = Dictionary(
      entries.map { ($0.key, $0.value.string) }, uniquingKeysWith: { first, _ in first })
    for found in try names(in: folder) where found != name {
      guard let own = written[found] else {
        throw Failure(
          place, "expected an earlier packed model alone, found \(found) beside it")
      }
      guard try own == description("\(folder)/\(found)") else {
        throw Failure(
          place, "expected an earlier packed model as it was written, found another \(found)")
      }
    }
  }

  /// All that is in `folder`, by paths from there, ascending; links are not followed.
  private static func names(in folder: String, _ prefix: String = "") throws -> [String] {
    try folderContents(folder).flatMap { name -> [String] in
      let path = "\(folder)/\(name)"
      let isFolder = type(of: path) == S_IFDIR
      return ["\(prefix)\(name)"] + (isFolder ? try names(in: path, "\(prefix)\(name)/") : [])
    }
  }

  private static func type(of path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  private static func description(_ path: String) throws -> String {
    switch type(of: path) {
    case S_IFDIR: return "folder"
    case S_IFLNK:
      return "link to \(try FileManager.default.destinationOfSymbolicLink(atPath: path))"
    case S_IFREG:
      let digest = try Digest()
      try digest.add(fileAt: path, countsTime: false)
      return digest.hex()
    default: return "neither file nor folder"
    }
  }
}
