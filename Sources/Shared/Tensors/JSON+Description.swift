import Platform

/// A value in a message, as it stands in the file, so that whoever wrote it finds it again.
extension JSON: CustomStringConvertible {
  /// What a message shows of a value, in Unicode scalars.
  private static let limit = 60

  /// Compact JSON text (no spaces, control characters escaped), cut with an ellipsis when it is
  /// longer than 60 characters.
  package var description: String {
    var text = [Unicode.Scalar]()
    write(to: &text, limit: JSON.limit)
    if text.count > JSON.limit {
      text = text.prefix(JSON.limit - 1) + ["…"]
    }
    return String(String.UnicodeScalarView(text))
  }

  /// The whole value as compact JSON text.
  package var compact: String {
    var text = [Unicode.Scalar]()
    write(to: &text, limit: .max - 1)
    return String(String.UnicodeScalarView(text))
  }

  /// Appends the text of this value, but not much more than `limit`: a file may hold any amount.
  private func write(to text: inout [Unicode.Scalar], limit: Int) {
    switch self {
    case .null: text += "null".unicodeScalars
    case .bool(let flag): text += (flag ? "true" : "false").unicodeScalars
    case .number(let digits): text += digits.unicodeScalars.prefix(limit + 1)
    case .string(let string): JSON.write(string, to: &text, limit: limit)
    case .array(let elements):
      text.append("[")
      for (index, element) in elements.enumerated() {
        if text.count > limit { break }
        if index > 0 { text.append(",") }
        element.write(to: &text, limit: limit)
      }
      text.append("]")
    case .object(let members):
      text.append("{")
      for (index, member) in members.enumerated() {
        if text.count > limit { break }
        if index > 0 { text.append(",") }
        JSON.write(member.key, to: &text, limit: limit)
        text.append(":")
        member.value.write(to: &text, limit: limit)
      }
      text.append("}")
    }
  }

  /// `quote` leaves the control characters above ASCII as they are, which JSON allows.
  private static func write(
    _ string: String, to text: inout [Unicode.Scalar], limit: Int
  ) {
    let start = String(string.unicodeScalars.prefix(limit + 1))
    text += Console.printable(quote(start)).unicodeScalars
  }
}
