import Foundation
import Tensors
import TestSupport
import Testing

/// A weight that is no number is refused by the name of its part and tensor, whichever part it is of,
/// and what a part makes of sound weights is looked at too.
struct NotFiniteTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  /// A copy of the example model in which one value of a tensor of `file` has other bits.
  private func model(_ file: String, _ name: String, index: Int, bits: UInt32) throws -> String {
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: copy)
    let path = "\(copy)/\(file)"
    let tensor = try SafetensorsFile(path).tensor(name)
    let size = tensor.dtype.bits / 8
    // Upper half of an F32 is a BF16; F16 has bits of its own.
    let half: [UInt32: UInt16] = [0x7FC0_0000: 0x7E00, 0x7F80_0000: 0x7C00, 0xFF80_0000: 0xFC00]
    let value = size == 4 ? bits : UInt32(half[bits] ?? 0x7BFF)
    var bytes = try contents(path)
    let start = tensor.range.lowerBound + index * size
    let new = (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    bytes.replaceSubrange(start..<(start + size), with: new)
    try bytes.write(to: URL(fileURLWithPath: path))
    return copy
  }

  @Test(
    arguments: [
      ("vae", "diffusion_pytorch_model", "decoder.conv_in.weight"),
      ("vae", "diffusion_pytorch_model", "decoder.conv_norm_out.bias"),
      ("transformer", "diffusion_pytorch_model", "transformer_blocks.0.attn1.to_v.weight"),
      ("transformer", "diffusion_pytorch_model", "scale_shift_table"),
      ("transformer", "diffusion_pytorch_model", "caption_projection.linear_2.bias"),
      ("text_encoder", "model", "encoder.block.1.layer.0.SelfAttention.o.weight"),
      ("text_encoder", "model", "encoder.final_layer_norm.weight"),
    ], [0x7FC0_0000 as UInt32, 0xFF80_0000])
  func `a float weight`(_ place: (part: String, stem: String, name: String), _ bits: UInt32) throws
  {
    let file = "\(place.part)/\(place.stem).safetensors"
    let model = try model(file, place.name, index: 1, bits: bits)
    let result = try Shell.run(
      "dit-run", ["-m", model, "-p", "owl", "--steps", "1", "-o", here.file("o.png")])
    #expect(
      isOneLine(
        result, from: "dit-run", saying: "\(model)/\(file): \(place.name): expected finite numbers"),
      "\(result.error)")
    #expect(try here.contents == ["model"])
  }

  @Test(arguments: [".scales", ".smooth", ".center", ".bias"])
  func `a float number of a packed layer`(_ suffix: String) throws {
    let fixture = try Fixture.shared()
    let packed = try SafetensorsFile(fixture.packed)
    let name = try #require(packed.names.first { $0.hasSuffix(suffix) && $0.contains("blocks.1") })
    let tensor = try packed.tensor(name)
    var bytes = try contents(fixture.packed)
    let size = tensor.dtype.bits / 8
    bytes.replaceSubrange(
      tensor.range.lowerBound..<(tensor.range.lowerBound + size),
      with: size == 2 ? [0x00, 0x7E] : [0x00, 0x00, 0xC0, 0x7F])
    let damaged = try here.write("packed.safetensors", bytes)
    let result = try Shell.run(
      "dit-run", ["-m", damaged, "-p", "owl", "--steps", "1", "-o", here.file("o.png")])
    #expect(isOneLine(result, from: "dit-run", saying: damaged), "\(result.error)")
    #expect(try here.contents == ["packed.safetensors"])
  }

  @Test func `weights that are numbers and make none`() throws {
    let path = "vae/diffusion_pytorch_model.safetensors"
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: copy)
    let weights = try SafetensorsFile("\(copy)/\(path)")
    let tensors = try weights.names.map { name in
      let tensor = try weights.tensor(name)
      return Tensor(
        name: name, dtype: .f32, shape: tensor.shape,
        values: try tensor.floats().map { name.hasPrefix("post_quant_conv.w") ? $0 * 1e38 : $0 })
    }
    _ = try save("\(copy)/\(path)", tensors, metadata: [:])
    let result = try Shell.run(
      "dit-run", ["-m", copy, "-p", "owl", "--steps", "1", "-o", here.file("o.png")])
    #expect(isOneLine(result, from: "dit-run", saying: "\(copy)/vae", "pixels"), "\(result.error)")
  }
}
