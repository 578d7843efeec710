import Foundation
import Tensors

/// The golden data under Tests/References, made by the original libraries (see the README there).
package enum References {
  package static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "References").path

  /// The trained example model.
  package static let exampleModel = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "examples/emoji-pixart").path

  /// The path of a file of a case, `path("pixart-sigma/config.json")`.
  package static func path(_ relative: String) -> String { "\(folder)/\(relative)" }

  package static func tensors(_ relative: String) throws -> SafetensorsFile {
    try SafetensorsFile(path(relative))
  }
}

/// The largest absolute difference of two arrays of equal length; infinite when lengths differ or a
/// NaN appears.
package func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { largest, pair in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(largest, difference)
  }
}
