/// HTML's character references, `&name;` and `&#number;`, of text in lower case.
enum CharacterReferences {
  /// Which characters a name stands for, and whether it does so without a semicolon too.
  private static let names: [String: (text: String, standsAlone: Bool)] = {
    var names: [String: (text: String, standsAlone: Bool)] = [:]
    for entry in CaptionTables.references.split(whereSeparator: \.isWhitespace) {
      let parts = entry.split(separator: "=")
      let standsAlone = parts[0].hasSuffix("!")
      let scalars = parts[1].split(separator: "+").compactMap {
        UInt32($0, radix: 16).flatMap(Unicode.Scalar.init)
      }
      names[String(standsAlone ? parts[0].dropLast() : parts[0])] = (
        String(scalars: scalars), standsAlone
      )
    }
    return names
  }()

  private static let replacement: Unicode.Scalar = "\u{FFFD}"

  /// What `name` (without `&` and `;`) stands for.
  static func named(_ name: String) -> String? { names[name]?.text }

  /// The character of a number, as HTML has it: those of Windows-1252 where Unicode has controls.
  static func character(
    of digits: some Sequence<Unicode.Scalar>, radix: UInt32
  ) -> [Unicode.Scalar] {
    [scalar(number(digits, radix: radix))]
  }

  private static func number(_ digits: some Sequence<Unicode.Scalar>, radix: UInt32) -> UInt32 {
    digits.reduce(0) { number, digit in
      min(number * radix + UInt32(Character(digit).hexDigitValue ?? 0), 0x11_0000)
    }
  }

  private static func scalar(_ number: UInt32) -> Unicode.Scalar {
    if number == 0 { return replacement }
    if (0x80...0x9F).contains(number) { return CodePage.windows1252.scalars[Int(number) - 0x80] }
    return Unicode.Scalar(number) ?? replacement
  }

  // MARK: Whole texts

  private static let any = PythonPattern(
    #"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)"#)
  private static let closed = PythonPattern("&#?[0-9A-Za-z]{1,24};")

  /// Python's `html.unescape`, which also reads names that go on or lack their semicolon.
  static func unescaped(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
    return any.replacing(in: text, by: resolved)
  }

  /// Only those that end with a semicolon, as `ftfy` reads them.
  static func unescapedWhereClosed(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
    return closed.replacing(in: text) { reference in
      if reference.hasPrefix("&#") {
        let text = resolved(reference)
        return text.contains(";") ? reference : text
      }
      return named(String(reference.dropFirst().dropLast())) ?? reference
    }
  }

  private static func resolved(_ reference: String) -> String {
    let body = reference.dropFirst()
    let isClosed = body.hasSuffix(";")
    let name = isClosed ? body.dropLast() : body
    guard name.hasPrefix("#") else {
      if let found = names[String(name)], isClosed || found.standsAlone { return found.text }
      // The longest name that the text begins with.
      for length in stride(from: name.unicodeScalars.count, to: 1, by: -1) {
        let start = String(scalars: name.unicodeScalars.prefix(length))
        if let found = names[start], found.standsAlone {
          return found.text + String(scalars: body.unicodeScalars.dropFirst(length))
        }
      }
      return reference
    }
    let digits = name.dropFirst()
    let isHexadecimal = digits.hasPrefix("x") || digits.hasPrefix("X")
    let number =
      isHexadecimal
      ? number(digits.dropFirst().unicodeScalars, radix: 16)
      : number(digits.unicodeScalars, radix: 10)
    return isLeftOut(number) ? "" : String(Character(scalar(number)))
  }

  /// Controls other than white space, and what is no character.
  private static func isLeftOut(_ number: UInt32) -> Bool {
    switch number {
    case 0x1...0x8, 0xB, 0xE...0x1F, 0x7F, 0xFDD0...0xFDEF: true
    default: number <= 0x10_FFFF && number & 0xFFFE == 0xFFFE
    }
  }
}
