import Foundation
import Platform

/// A JSON configuration file of a model part (`config.json`, `scheduler_config.json`,
/// `model_index.json`).
///
/// Unknown keys are ignored; a key of the wrong type or an unsupported value is refused by name.
/// `null` counts as absent.
package struct ModelConfig: Sendable {
  package let path: String
  /// The file's text.
  package let text: String
  package let json: JSON

  package init(_ path: String) throws {
    try self.init(InputFile.contents(of: path, kind: "a configuration file"), path: path)
  }

  /// Reads configuration text that came from elsewhere; `path` names it in messages.
  package init(text: String, path: String) throws { try self.init(Data(text.utf8), path: path) }

  private init(_ data: Data, path: String) throws {
    self.path = path
    text = String(decoding: data, as: UTF8.self)
    do {
      json = try data.withUnsafeBytes { try JSON(parsing: $0, allowNonFinite: true) }
    } catch let error as JSON.SyntaxError {
      throw Failure(path, data.withUnsafeBytes { error.message(in: $0) })
    }
    guard case .object = json else {
      throw Failure(path, "expected a JSON object, found \(json)")
    }
  }

  private func value<T>(_ key: String, _ kind: String, _ read: (JSON) -> T?) throws -> T? {
    guard let found = json[key], found != .null else { return nil }
    guard let value = read(found) else {
      throw Failure(path, "\(key): expected \(kind), found \(self.found(key))")
    }
    return value
  }

  /// What stands under `key` in the file, for messages; `none` when it is absent.
  package func found(_ key: String) -> String { json[key]?.description ?? "none" }

  package func int(_ key: String) throws -> Int? { try value(key, "a whole number", \.int) }

  package func double(_ key: String) throws -> Double? { try value(key, "a number", \.double) }

  package func bool(_ key: String) throws -> Bool? {
    try value(key, "true or false") { if case .bool(let flag) = $0 { flag } else { nil } }
  }

  package func string(_ key: String) throws -> String? {
    try value(key, "a string", \.string)
  }

  package func ints(_ key: String) throws -> [Int]? {
    try list(key, "whole numbers", \.int)
  }

  package func strings(_ key: String) throws -> [String]? {
    try list(key, "strings", \.string)
  }

  /// A list whose every element can be read; one that cannot is never left out.
  private func list<T>(_ key: String, _ kind: String, _ read: (JSON) -> T?) throws -> [T]? {
    try value(key, "a list of \(kind)") { list in
      guard case .array(let elements) = list else { return nil }
      let values = elements.compactMap(read)
      return values.count == elements.count ? values : nil
    }
  }

  /// The positive whole number under `key`, `fallback` when it is absent.
  ///
  /// - Throws: `Failure` when it is absent without a fallback, or not positive.
  package func size(_ key: String, default fallback: Int? = nil) throws -> Int {
    guard let found = try int(key) ?? fallback, found > 0 else {
      throw Failure(path, "\(key): expected a positive whole number, found \(self.found(key))")
    }
    return found
  }

  /// The number under `key`, `fallback` when it is absent.
  ///
  /// - Throws: `Failure` naming the key for one outside `range`, which nobody can have meant.
  package func number(
    _ key: String, in range: ClosedRange<Double>, default fallback: Double
  ) throws -> Double {
    let found = try double(key) ?? fallback
    guard range.contains(found) else {
      throw Failure(
        path,
        "\(key): expected \(range.lowerBound) ... \(range.upperBound), found \(self.found(key))")
    }
    return found
  }

  /// The number under `key` that keeps a norm from dividing by zero, `fallback` when it is absent.
  ///
  /// - Throws: `Failure` naming the key for one that is not above 0, or no small number.
  package func epsilon(_ key: String, default fallback: Double) throws -> Float {
    Float(try number(key, in: 1e-20...0.1, default: fallback))
  }

  /// The word under `key`, `fallback` when it is absent.
  ///
  /// - Throws: `Failure` naming the key when it is none of `supported`, the words for what is
  ///   computed here.
  package func choice(
    _ key: String, of supported: [String], default fallback: String
  ) throws -> String {
    let found = try string(key) ?? fallback
    guard supported.contains(found) else { throw refusal(of: key, supported, found) }
    return found
  }

  /// The case whose raw value is the word under `key`, `fallback` when it is absent.
  ///
  /// - Throws: `Failure` naming the key when it is none of `supported`, the cases that are computed
  ///   here.
  package func choice<Choice: RawRepresentable<String>>(
    _ key: String, of supported: [Choice], default fallback: Choice
  ) throws -> Choice {
    guard let found = try string(key) else { return fallback }
    guard let choice = supported.first(where: { $0.rawValue == found }) else {
      throw refusal(of: key, supported.map(\.rawValue), found)
    }
    return choice
  }

  private func refusal(of key: String, _ supported: [String], _ found: String) -> Failure {
    Failure(path, "\(key): expected \(supported.joined(separator: " or ")), found \(found)")
  }
}
