import Foundation
import Layers
import Pipeline
import Platform
import Streams
import Tensors

/// Which inner values to keep: a glob over module and site names, the sampler step, and the file
/// they go to.
package struct DumpRequest: Sendable {
  package let pattern: String
  package let step: Int
  package let path: String

  /// Reads `PATTERN@STEP`, as in `transformer_blocks.0.*@3`.
  package init(_ text: String, path: String) throws {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, let step = Int(parts[1]), step >= 0, !parts[0].isEmpty else {
      throw Failure("dump \(text)", "expected PATTERN@STEP, as in transformer_blocks.0.*@3")
    }
    pattern = String(parts[0])
    self.step = step
    self.path = path
  }

  /// Refuses a step that `pipeline` does not come to, and a pattern that matches nothing in it.
  func check(_ pipeline: TextToImage) throws {
    guard step < pipeline.steps else {
      throw Failure(
        "dump \(pattern)@\(step)", "expected a step of 0 to \(pipeline.steps - 1), found \(step)")
    }
    let names = DumpNames()
    pipeline.runOnce(observer: names)
    guard names.all.contains(where: matches) else {
      throw Failure("dump \(pattern)", "expected a module of that name, found none")
    }
  }

  func matches(_ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }
}

extension LayerObserver {
  /// Under which an input of linear layers is kept.
  fileprivate func inputName(_ layers: [LayerRole]) -> String? {
    layers.first.map { "\($0.site).input" }
  }
}

/// What can be kept of a model.
private final class DumpNames: LayerObserver {
  private(set) var all: Set<String> = []

  func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {
    if let name = inputName(layers) { all.insert(name) }
  }

  func observe(module: String, output: Matrix) { all.insert(module) }
}

/// Keeps the inner values of the first picture that a request names, and writes them as one
/// safetensors file.
///
/// Module outputs keep their name; inputs of linear layers end in `.input`.
final class DumpRecorder: LayerObserver {
  private let request: DumpRequest
  private var tensors: [String: Tensor] = [:]
  var step: Int?

  init(_ request: DumpRequest) { self.request = request }

  func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {
    if let name = inputName(layers) { keep(name, input) }
  }

  func observe(module: String, output: Matrix) { keep(module, output) }

  private func keep(_ name: String, _ value: Matrix) {
    guard step == request.step, tensors[name] == nil, request.matches(name) else { return }
    tensors[name] = Tensor(
      name: name, dtype: .f32, shape: [value.rows, value.columns], values: value.values)
  }

  func write() throws {
    let output = try OutputFile(request.path)
    try SafetensorsWriter.write(
      tensors.values.map { SafetensorsWriter.Entry($0) }, metadata: [:], to: output)
    try output.commit()
  }
}
