import Foundation
import Platform
import Tensors

/// The pieces of `vocab.txt`, a line each, whose number from 0 is the id, or those of
/// `tokenizer.json`; `##` begins a piece that continues a word.
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

  /// Reads the vocabulary in `folder`: `vocab.txt`, or without it `file`, its `tokenizer.json`.
  ///
  /// - Throws: `Failure` for a file that is missing, damaged, or of another kind of tokenizer.
  init(folder: String, _ file: ModelConfig?) throws {
    let path = "\(folder)/vocab.txt"
    if let file, !FileManager.default.fileExists(atPath: path) {
      try self.init(file)
    } else {
      try self.init(lines: path)
    }
  }

  private init(path: String, size: Int, ids: [[UInt8]: Int32]) {
    (self.path, self.size, self.ids) = (path, size, ids)
    longestPiece = ids.keys.map(\.count).max() ?? 0
  }

  /// Reads the WordPiece model of a `tokenizer.json`.
  private init(_ file: ModelConfig) throws {
    let model = file.json["model"]
    guard model?["type"]?.string ?? "WordPiece" == "WordPiece",
      model?["continuing_subword_prefix"]?.string ?? "##" == "##",
      case .object(let members)? = model?["vocab"]
    else {
      throw Failure(
        file.path,
        "model: expected a WordPiece vocabulary with ## in front of pieces that continue "
          + "a word, found \(model?["type"]?.description ?? "none")")
    }
    var ids: [[UInt8]: Int32] = [:]
    for member in members {
      guard let id = member.value.int.flatMap({ Int32(exactly: $0) }), id >= 0 else {
        throw Failure(
          file.path,
          "model: vocab: \(JSON.quote(member.key)): expected an id, found \(member.value)")
      }
      ids[Array(member.key.utf8)] = id
    }
    self.init(path: file.path, size: Int(ids.values.max() ?? -1) + 1, ids: ids)
  }

  /// Reads `path` as Hugging Face's tokenizers do.
  ///
  /// Lines end with LF or CRLF; white space at their end does not count, and of equal lines the
  /// last one does.
  ///
  /// - Throws: `Failure` for a file that is missing, empty, too large or not UTF-8.
  private init(lines path: String) throws {
    if let bytes = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int,
      bytes > WordPieceVocabulary.largestFile
    {
      throw Failure(
        path, "expected at most \(WordPieceVocabulary.largestFile) bytes, found \(bytes)")
    }
    let data = try InputFile.contents(of: path, kind: "a vocabulary, a piece on each line")
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
    self.init(path: path, size: lines.count, ids: ids)
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
