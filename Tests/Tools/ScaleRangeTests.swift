import Foundation
import Tensors
import TestSupport
import Testing

/// Weights that F16's scales do not hold draw the same picture: a part of an attention is multiplied
/// by a power of two that another part takes back, which leaves the float picture as it is.
struct ScaleRangeTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  /// The example model with query and value of the self-attentions times `factor`, key and output
  /// divided by it; of the first `rows` channels alone.
  private func model(_ factor: Float, channels: Int) throws -> String {
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: copy)
    let path = "\(copy)/transformer/diffusion_pytorch_model.safetensors"
    let weights = try SafetensorsFile(path)
    let tensors = try weights.names.map { name in
      let tensor = try weights.tensor(name)
      var values = try tensor.floats()
      let columns = tensor.shape.count == 2 ? tensor.shape[1] : 1
      if name.contains(".attn1.") {
        for index in values.indices {
          let (row, column) = (index / columns, index % columns)
          if name.contains("to_v.") || name.contains("to_q."), row < channels {
            values[index] *= factor
          } else if name.contains("to_k."), row < channels {
            values[index] /= factor
          } else if name.hasSuffix("to_out.0.weight"), column < channels {
            values[index] /= factor
          }
        }
      }
      return Tensor(name: name, dtype: .f32, shape: tensor.shape, values: values)
    }
    try save(path, tensors)
    return copy
  }

  /// Decibels between the pictures of the float model and of the one packed with `options`.
  private func distance(_ model: String, _ options: [String]) throws -> Double {
    func run(_ tool: String, _ arguments: [String]) throws -> Shell.Result {
      let result = try Shell.run(tool, arguments)
      #expect(result.status == 0, "\(tool): \(result.error)")
      return result
    }
    let prompts = try here.write("prompts.txt", "red heart\nowl\n".utf8)
    let (stats, codes, packed) = (here.file("stats"), here.file("codes"), here.file("packed"))
    let (float, four) = (here.file("float.png"), here.file("four.png"))
    let sampling = ["--steps", "6"]
    _ = try run("fpq-stats", ["-m", model, "-f", prompts, "-o", stats] + sampling)
    _ = try run("fpq-round", ["-i", stats, "--method", "nearest", "-o", codes] + options)
    _ = try run("fpq-pack", ["-i", codes, "-o", packed, "--verify"])
    _ = try run("dit-run", ["-m", model, "-p", "red heart", "-o", float] + sampling)
    _ = try run(
      "dit-run",
      ["-m", packed, "--activations", "none", "-p", "red heart", "-o", four] + sampling)
    let compared = try run("fpq-show", ["compare", float, four, "--json"]).output
    let json = try compared.withUnsafeBytes { try JSON(parsing: $0) }
    guard case .array(let rows) = json else { return 0 }
    return rows.first?["psnr_db"]?.double ?? 0
  }

  @Test(
    arguments: [
      ["--recipe", "fp4dit-alpha"], ["--recipe", "fp4dit-alpha", "--skip", "transformer_blocks.*"],
    ], [256])
  func `too small for F16`(_ options: [String], _ channels: Int) throws {
    let distance = try distance(model(0x1p-22, channels: channels), options)
    #expect(distance > 25, "\(distance) dB")
  }

  @Test func `too large for F16`() throws {
    let distance = try distance(
      model(0x1p-22, channels: 256),
      ["--format", "transformer_blocks.*=int4", "--scale-type", "f16"])
    #expect(distance > 25, "\(distance) dB")
  }
}
