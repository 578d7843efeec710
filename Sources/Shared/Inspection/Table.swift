import Foundation
import Platform
import Tensors

/// Rows of named columns, printed for people (aligned), for `cut` and spreadsheets (TSV), or for
/// programs (JSON).
///
/// JSON is a list with one object per row. It has no infinity: `inf`, `-inf` and `nan` are strings
/// there, and a missing value is null.
package struct Table: Equatable {
  package enum Cell: Equatable {
    case text(String)
    /// A shape; a list of numbers in JSON.
    case sizes([Int])
    case integer(Int)
    case number(Double)
    case none
  }

  package enum Style: Sendable { case aligned, tsv, json }

  package let columns: [String]
  package private(set) var rows: [[Cell]] = []

  package init(_ columns: [String]) { self.columns = columns }

  package mutating func append(_ row: [Cell]) {
    precondition(row.count == columns.count, "\(row.count) cells for \(columns.count) columns")
    rows.append(row)
  }

  package func rendered(_ style: Style) -> String {
    switch style {
    case .aligned: aligned
    case .tsv:
      ([columns] + rows.map { $0.map(\.exact) }).map { $0.joined(separator: "\t") + "\n" }.joined()
    case .json: json(indent: "") + "\n"
    }
  }

  /// The list of objects, without a newline at the end.
  func json(indent: String) -> String {
    if rows.isEmpty { return "[]" }
    let objects = rows.map { row in
      "\(indent)  {"
        + zip(columns, row).map { "\(JSON.quote($0)): \($1.json)" }.joined(separator: ", ") + "}"
    }
    return "[\n" + objects.joined(separator: ",\n") + "\n\(indent)]"
  }

  /// Text to the left, numbers to the right, two spaces between columns, none at the end of a line.
  private var aligned: String {
    let texts = [columns] + rows.map { $0.map(\.short) }
    let widths = columns.indices.map { column in texts.map { $0[column].count }.max() ?? 0 }
    let isText = columns.indices.map { column in
      rows.contains { $0[column].isText }
    }
    return texts.map { line in
      var text = ""
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        text += (column == 0 ? "" : "  ") + (isText[column] ? cell + padding : padding + cell)
      }
      while text.hasSuffix(" ") { text.removeLast() }
      return text + "\n"
    }.joined()
  }
}

extension Table.Cell {
  fileprivate var isText: Bool {
    switch self {
    case .text, .sizes: true
    case .integer, .number, .none: false
    }
  }

  /// For people: five significant digits, and no more of a long text than fits on some lines.
  fileprivate var short: String {
    if case .text = self, exact.count > 240 { return "\(exact.prefix(239))…" }
    if case .number(let value) = self, value.isFinite { return String(format: "%.5g", value) }
    return self == .none ? "-" : exact
  }

  /// The shortest decimal that reads back as the same number; empty when there is none.
  fileprivate var exact: String {
    switch self {
    case .text(let text): Console.printable(text)
    case .sizes(let sizes): "\(sizes)"
    case .integer(let value): String(value)
    case .number(let value): value.isNaN ? "nan" : "\(value)"
    case .none: ""
    }
  }

  var json: String {
    switch self {
    case .text(let text): JSON.quote(text)
    case .number(let value) where !value.isFinite: JSON.quote(exact)
    case .none: "null"
    default: exact
    }
  }
}

/// What is known of a file as a whole, and a table of its parts.
package struct Report {
  package let properties: [(key: String, value: Table.Cell)]
  /// What the rows of `table` are, the key of the table in JSON.
  package let parts: String
  package let table: Table

  package init(properties: [(key: String, value: Table.Cell)], parts: String, table: Table) {
    self.properties = properties
    self.parts = parts
    self.table = table
  }

  /// The text in the given style.
  ///
  /// Aligned: properties, an empty line, the table. TSV: properties as lines that begin with `#`.
  /// JSON: one object.
  package func rendered(_ style: Table.Style) -> String {
    switch style {
    case .json:
      let members = properties.map { "    \(JSON.quote($0.key)): \($0.value.json)" }
      let object = members.isEmpty ? "{}" : "{\n\(members.joined(separator: ",\n"))\n  }"
      let list = table.columns.isEmpty ? "" : ",\n  \"\(parts)\": \(table.json(indent: "  "))"
      return "{\n  \"properties\": \(object)\(list)\n}\n"
    case .aligned, .tsv:
      var list = Table([style == .tsv ? "# property" : "property", "value"])
      for (key, value) in properties {
        list.append([.text(style == .tsv ? "# \(key)" : key), value])
      }
      let text = table.columns.isEmpty ? "" : (style == .tsv ? "" : "\n") + table.rendered(style)
      return list.rendered(style) + text
    }
  }
}
