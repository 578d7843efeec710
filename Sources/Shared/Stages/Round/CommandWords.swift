/// A value that can be given on a command line.
protocol CommandValue {
  /// The words that give it for `option`, such as `--iterations`.
  func words(_ option: String) -> [String]
}

/// Options that belong together: each stored property is one, by its own name, or again such a
/// group.
protocol CommandGroup: CommandValue {}

extension CommandGroup {
  /// The words that give all properties, in the order in which they are declared.
  var words: [String] {
    Mirror(reflecting: self).children.flatMap { child in
      guard let name = child.label, let value = child.value as? any CommandValue else {
        preconditionFailure("\(Self.self).\(child.label ?? "") has no form on a command line")
      }
      return value.words("--" + kebab(name))
    }
  }

  func words(_ option: String) -> [String] { words }
}

/// `groupSize` as `group-size`.
private func kebab(_ name: String) -> String {
  name.reduce(into: "") { text, letter in
    text += letter.isUppercase ? "-\(letter.lowercased())" : String(letter)
  }
}

extension Bool: CommandValue {
  func words(_ option: String) -> [String] {
    [self ? option : option.replacing(/^--/, with: "--no-")]
  }
}

extension CommandValue where Self: CustomStringConvertible {
  func words(_ option: String) -> [String] { [option, description] }
}
extension Int: CommandValue {}
extension Double: CommandValue {}
extension String: CommandValue {}

extension CommandValue where Self: RawRepresentable, RawValue == String {
  func words(_ option: String) -> [String] { [option, rawValue] }
}

/// Nil says nothing.
extension Optional: CommandValue where Wrapped: CommandValue {
  func words(_ option: String) -> [String] { self?.words(option) ?? [] }
}

/// An option once for each value.
extension Array: CommandValue where Element: CommandValue {
  func words(_ option: String) -> [String] { flatMap { $0.words(option) } }
}
