import Foundation
import Platform

/// The pieces of `vocab.txt`, a line each, whose number from 0 is the id; `##` begins a piece that
/// continues a word.
struct WordPieceVocabulary: Sendable {
  /// Characters of the longest word that is cut into pieces.
  private static let longestWord = 100
  /// Bytes of the largest file that is read; the published vocabularies have at most 1 MB.
  private static let largestFile = 16 << 20

  let path: String
  /// The ids span 0..<size.
  let size: Int
  /// By their UTF-8: strings would also be equal to other spellings of the same text.
  private let ids: [[UInt8]: Int32]
  /// Bytes of the longest piece.
  private let longestPiece: Int

  /// Reads `vocab.txt` in `folder` as Hugging Face's tokenizers do.
  ///
  /// Lines end with LF or CRLF; white space at their end does not count, and of equal lines the
  /// last one does.
  ///
  /// - Throws: `Failure` for a file that is missing, empty, too large or not UTF-8.
  init(folder: String) throws {
    let (path, files) = ("\(folder)/vocab.txt", FileManager.default)
    if let bytes = try? files.attributesOfItem(atPath: path)[.size] as? Int,
      bytes > WordPieceVocabulary.largestFile
    {
      throw Failure(
        path, "expected at most \(WordPieceVocabulary.largestFile) bytes, found \(bytes)")
    }
    guard let data = files.contents(atPath: path) else {
      let other = files.fileExists(atPath: "\(folder)/tokenizer.json")
      throw Failure(
        path,
        "expected a vocabulary, a piece on each line, found "
          + (other ? "only tokenizer.json, which is not read" : "none"))
    }
    guard !data.isEmpty else {
      throw Failure(path, "expected a vocabulary, a piece on each line, found an empty file")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Failure(path, "expected UTF-8, found other bytes")
    }
    var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    var ids: [[UInt8]: Int32] = [:]
    ids.reserveCapacity(lines.count)
    for (id, line) in lines.enumerated() {
      let scalars = Substring(line).unicodeScalars
      let end = scalars.lastIndex { !$0.properties.isWhitespace }
      ids[end.map { Array(Substring(scalars[...$0]).utf8) } ?? []] = Int32(id)
    }
    self.path = path
    size = lines.count
    self.ids = ids
    longestPiece = ids.keys.map(\.count).max() ?? 0
  }

  func id(of piece: [UInt8]) -> Int32? { ids[piece] }

  /// The ids of the pieces of `word`, each the longest that fits, from left to right; nil for a
  /// word that no pieces make up, or that is too long.
  func pieces(of word: [UInt8]) -> [Int32]? {
    // Places where a character begins, and the end.
    let places = word.indices.filter { word[$0] & 0xC0 != 0x80 } + [word.count]
    guard places.count - 1 <= WordPieceVocabulary.longestWord else { return nil }
    var found: [Int32] = []
    var start = 0
    while start < places.count - 1 {
      let prefix = start == 0 ? [] : Array("##".utf8)
      let longest = places[start] + longestPiece - prefix.count
      let piece = ((start + 1)..<places.count).reversed().lazy
        .filter { places[$0] <= longest }
        .compactMap { end in
          ids[prefix + word[places[start]..<places[end]]].map { (id: $0, end: end) }
        }.first
      guard let piece else { return nil }
      found.append(piece.id)
      start = piece.end
    }
    return found
  }
}
