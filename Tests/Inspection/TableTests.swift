import Inspection
import Tensors
import Testing

private func sample() -> Table {
  var table = Table(["name", "count", "value", "shape"])
  table.append([.text("a\"b\t\u{1B}"), .integer(-3), .number(0.1), .sizes([2, 3])])
  table.append([.text("long name"), .none, .number(1_234_567.891), .sizes([])])
  table.append([.none, .integer(12), .number(-.infinity), .none])
  table.append([.text(""), .integer(0), .number(.nan), .text("[1]/[2]")])
  return table
}

@Test func `aligned tables are for people`() {
  #expect(
    sample().rendered(.aligned) == #"""
      name         count       value  shape
      a"b\t\u001b     -3         0.1  [2, 3]
      long name        -  1.2346e+06  []
      -               12        -inf  -
                       0         nan  [1]/[2]

      """#)
  #expect(Table(["a", "b"]).rendered(.aligned) == "a  b\n")
}

@Test func `tab separated tables keep full precision and one line per row`() {
  #expect(
    sample().rendered(.tsv)
      == "name\tcount\tvalue\tshape\na\"b\\t\\u001b\t-3\t0.1\t[2, 3]\n"
      + "long name\t\t1234567.891\t[]\n"
      + "\t12\t-inf\t\n\t0\tnan\t[1]/[2]\n")
}

@Test func `JSON tables parse and hold what JSON has no number for`() throws {
  let text = sample().rendered(.json)
  let json = try Array(text.utf8).withUnsafeBytes { try JSON(parsing: $0) }
  guard case .array(let rows) = json else {
    Issue.record("expected a list, found \(json.kind)")
    return
  }
  #expect(rows.count == 4)
  #expect(rows[0]["name"] == .string("a\"b\t\u{1B}"))
  #expect(rows[0]["count"]?.int == -3)
  #expect(rows[0]["value"]?.double == 0.1)
  #expect(rows[0]["shape"] == .array([.number("2"), .number("3")]))
  #expect(rows[1]["count"] == .null)
  #expect(rows[1]["value"]?.double == 1_234_567.891)
  #expect(rows[2]["value"] == .string("-inf"))
  #expect(rows[3]["value"] == .string("nan"))
  #expect(Table(["a"]).rendered(.json) == "[]\n")
}

@Test func `reports in three styles`() throws {
  var parts = Table(["site", "tokens"])
  parts.append([.text("x"), .number(1e-7)])
  let report = Report(
    properties: [("k", .text("v")), ("n", .integer(1))], parts: "sites", table: parts)
  #expect(
    report.rendered(.aligned)
      == "property  value\nk         v\nn         1\n\nsite  tokens\nx      1e-07\n"
  )
  #expect(report.rendered(.tsv) == "# property\tvalue\n# k\tv\n# n\t1\nsite\ttokens\nx\t1e-07\n")
  for report in [report, Report(properties: [], parts: "", table: Table([]))] {
    let json = try Array(report.rendered(.json).utf8).withUnsafeBytes { try JSON(parsing: $0) }
    #expect(json["properties"] != nil)
  }
}
