import Foundation
import Platform
import Streams
import Tensors
import TestSupport
import Testing

/// What a configuration says when a value is not what is expected: the value as the file has it.

/// The message of reading `key` from the configuration `text`; nil when there was nothing to say.
private func problem<T>(_ text: String, _ read: (ModelConfig) throws -> T) -> String? {
  do {
    _ = try read(try ModelConfig(text: text, path: "config.json"))
    return nil
  } catch let failure as Failure { return failure.description } catch { return "\(error)" }
}

/// One of each kind of JSON value, as it stands in a file with spaces, and as a message shows it.
private let values: [(kind: String, text: String, shown: String)] = [
  ("boolean", "true", "true"),
  ("number", "1.50", "1.50"),
  ("whole number", "7", "7"),
  ("large number", "1e3", "1e3"),
  ("no finite number", "-Infinity", "-Infinity"),
  ("string", #""a \"b\" ö""#, #""a \"b\" ö""#),
  ("list", "[ 1, 2 ]", "[1,2]"),
  ("mixed list", #"[1, "x", null]"#, #"[1,"x",null]"#),
  ("object", #"{ "a": [true, {}], "b": -0.5e-7 }"#, #"{"a":[true,{}],"b":-0.5e-7}"#),
]

@Test func `each kind of value where another is expected`() {
  typealias Reader = (ModelConfig) throws -> Any?
  let readers: [(expected: String, fits: [String], read: Reader)] = [
    ("a whole number", ["whole number"], { try $0.int("k") }),
    (
      "a number", ["number", "whole number", "large number", "no finite number"],
      { try $0.double("k") }
    ),
    ("true or false", ["boolean"], { try $0.bool("k") }),
    ("a string", ["string"], { try $0.string("k") }),
    ("a list of whole numbers", ["list"], { try $0.ints("k") }),
    ("a list of strings", [], { try $0.strings("k") }),
  ]
  for (expected, fits, read) in readers {
    for (kind, text, shown) in values {
      let message = problem("{\"k\": \(text)}", read)
      #expect(
        message
          == (fits.contains(kind) ? nil : "config.json: k: expected \(expected), found \(shown)"))
    }
    #expect(problem("{}", read) == nil)
    #expect(problem("{\"k\": null}", read) == nil)
  }
}

@Test func `elements of another kind are never left out`() throws {
  #expect(
    problem(#"{"k": ["a", 1, "b"]}"#) { try $0.strings("k") }
      == #"config.json: k: expected a list of strings, found ["a",1,"b"]"#)
  #expect(
    problem(#"{"k": [1, 2.5]}"#) { try $0.ints("k") }
      == "config.json: k: expected a list of whole numbers, found [1,2.5]")
  let config = try ModelConfig(text: #"{"k": ["a", "b"], "n": [3, -4], "e": []}"#, path: "")
  #expect(try config.strings("k") == ["a", "b"])
  #expect(try config.ints("n") == [3, -4])
  #expect(try config.strings("e") == [])
}

@Test func `sizes are whole and positive`() throws {
  let line = "config.json: k: expected a positive whole number, found "
  for (text, shown) in [
    ("{}", "none"), (#"{"k": null}"#, "null"), (#"{"k": 0}"#, "0"), (#"{"k": -3}"#, "-3"),
  ] {
    #expect(problem(text) { try $0.size("k") } == line + shown)
  }
  #expect(
    problem(#"{"k": [1, 2]}"#) { try $0.size("k", default: 8) }
      == "config.json: k: expected a whole number, found [1,2]")
  #expect(
    problem(#"{"k": 99999999999999999999}"#) { try $0.size("k") }
      == "config.json: k: expected a whole number, found 99999999999999999999")
  #expect(try ModelConfig(text: "{}", path: "").size("k", default: 8) == 8)
}

private enum Fruit: String, CaseIterable { case apple, pear = "the_pear" }

@Test func `words that name nothing are refused`() throws {
  let read = { (config: ModelConfig) in
    try config.choice("k", of: Fruit.allCases, default: .pear)
  }
  #expect(
    problem(#"{"k": "pear"}"#, read) == "config.json: k: expected apple or the_pear, found pear")
  #expect(problem(#"{"k": 3}"#, read) == "config.json: k: expected a string, found 3")
  #expect(try read(ModelConfig(text: "{}", path: "")) == .pear)
  #expect(try read(ModelConfig(text: #"{"k": "apple"}"#, path: "")) == .apple)
  let words = { (config: ModelConfig) in try config.choice("k", of: ["a", "b"], default: "a") }
  #expect(problem(#"{"k": "c"}"#, words) == "config.json: k: expected a or b, found c")
}

@Test func `what is no object is no configuration`() {
  for (_, text, shown) in values where !text.hasPrefix("{") {
    #expect(
      problem(text) { $0 } == "config.json: expected a JSON object, found \(shown)")
  }
  #expect(problem("null") { $0 } == "config.json: expected a JSON object, found null")
  #expect(problem("{\"k\": 1,}") { $0 } == "config.json: byte 8: expected '\"', found '}'")
}

@Test func `numbers that are not finite`() throws {
  let text = #"{"a": -Infinity, "b": Infinity, "c": NaN}"#
  let config = try ModelConfig(text: text, path: "")
  #expect(try config.double("a") == -.infinity)
  #expect(try config.double("b") == .infinity)
  #expect(try config.double("c")?.isNaN == true)
  #expect(
    try ["a", "b", "c"].map { try #require(config.json[$0]).description }
      == ["-Infinity", "Infinity", "NaN"])
}

@Test func `long values are cut and control characters escaped`() throws {
  func shown(_ text: String) throws -> String {
    try Array(text.utf8).withUnsafeBytes { try JSON(parsing: $0) }.description
  }
  #expect(try shown("\"" + String(repeating: "x", count: 58) + "\"").count == 60)
  #expect(
    try shown("\"" + String(repeating: "x", count: 59) + "\"")
      == "\"" + String(repeating: "x", count: 58) + "…")
  #expect(
    try shown("[" + String(repeating: "10, ", count: 100_000) + "10]")
      == "[" + String(repeating: "10,", count: 19) + "1…")
  #expect(
    try shown(String(repeating: "[", count: 100) + String(repeating: "]", count: 100))
      == String(repeating: "[", count: 59) + "…")
  #expect(try shown(String(repeating: "7", count: 1000)).count == 60)
  // One character of many scalars is cut too.
  let accents = String(repeating: "\u{301}", count: 1000)
  #expect(try shown("\"e\(accents)\"").unicodeScalars.count == 60)
  let control = #"["\n\u001b[2J", "\u007F\u009b", {"k\r": 1}]"#
  #expect(try shown(control) == #"["\u000a\u001b[2J","\u007f\u009b",{"k\u000d":1}]"#)
}

@Test func `metadata that is no object`() {
  for (text, shown) in [
    ("[1, 2]", "[1,2]"), ("3", "3"), ("no JSON", "\"no JSON\""), ("", "\"\""),
  ] {
    #expect(
      throws: Failure("a.safetensors", "expected a JSON object in the metadata, found \(shown)")
    ) { try JSON.object(text, place: "a.safetensors") }
  }
}
