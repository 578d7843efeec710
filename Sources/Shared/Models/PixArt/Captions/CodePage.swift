import Foundation

/// A table of 256 characters for the bytes of old text: ASCII, and 128 more.
struct CodePage: Sendable {
  let name: String
  /// Of the bytes from 0x80 on; a byte without one is the control character of its number.
  let scalars: [Unicode.Scalar]
  private let bytes: [Unicode.Scalar: UInt8]

  static let latin1 = CodePage("latin1", scalars: (0x80...0xFF).map { Unicode.Scalar(UInt8($0)) })
  static let windows1252 = CodePage("windows1252")

  /// A page of the generated tables.
  init(_ name: String) {
    let pages = CaptionTables.codePages.split(separator: "\n").map { $0.split(separator: " ") }
    guard let codes = pages.first(where: { $0[0] == name }) else {
      preconditionFailure("no code page \(name)")
    }
    let scalars = codes.dropFirst().enumerated().map { index, code in
      let known = UInt32(code, radix: 16).flatMap(Unicode.Scalar.init)
      return known ?? Unicode.Scalar(UInt8(0x80 + index))
    }
    self.init(name, scalars: scalars)
  }

  private init(_ name: String, scalars: [Unicode.Scalar]) {
    precondition(scalars.count == 128, "code page \(name) of \(scalars.count) characters")
    (self.name, self.scalars) = (name, scalars)
    bytes = Dictionary(
      zip(scalars, 0x80...0xFF).map { ($0, UInt8($1)) }, uniquingKeysWith: { first, _ in first })
  }

  /// The byte of `scalar`, nil for a character that the page does not have.
  func byte(of scalar: Unicode.Scalar) -> UInt8? {
    scalar.isASCII ? UInt8(scalar.value) : bytes[scalar]
  }
}
