import Foundation
import Tensors
import TestSupport
import Testing

/// Every number in the configuration of the example model is replaced by others: what cannot be
/// meant is refused in one line that names the file, and nothing ends by a signal or without end.
struct ConfigNumberTests {
  static let files = [
    "transformer/config.json", "vae/config.json", "text_encoder/config.json",
    "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json",
  ]

  private static let values = [
    "0", "-1", "1e300", "1e-300", "2147483648", "9223372036854775807", "0.5", "null", "\"x\"",
  ]

  /// Sizes that are larger and make a larger picture, which is right and takes its time.
  private static let slow = ["sample_size null"]

  @Test(arguments: files)
  func `a number that cannot be meant`(_ file: String) throws {
    let here = try TemporaryFolder()
    let model = try copyOfExample(in: here)
    let (path, part) = ("\(model)/\(file)", file.prefix { $0 != "/" })
    let original = try contents(path)
    let config = try original.withUnsafeBytes { try JSON(parsing: $0, allowNonFinite: true) }
    guard case .object(let members) = config else { return }
    var tried = 0
    for member in members {
      guard case .number = member.value else { continue }
      for value in ConfigNumberTests.values
      where !ConfigNumberTests.slow.contains("\(member.key) \(value)") {
        tried += 1
        // The last of two equal keys counts.
        let end = try #require(original.lastIndex(of: UInt8(ascii: "}")))
        try (original[..<end] + Data(", \"\(member.key)\": \(value)}".utf8))
          .write(to: URL(fileURLWithPath: path))
        let result = try Shell.run(
          "/usr/bin/timeout",
          [
            "30", "\(Shell.tools)/dit-run", "-m", model, "-p", "owl", "--steps", "1", "-o",
            here.file("o.png"),
          ])
        // A size that the weights do not have is told by the tensor that does not fit.
        #expect(
          result.status == 0 || isOneLine(result, from: "dit-run", saying: "\(model)/\(part)")
            || isOneLine(result, from: "dit-run", saying: "\(model)/tokenizer"),
          "\(member.key) \(value): \(result.status) \(result.error.prefix(300))")
      }
    }
    #expect(tried > 0 || part == "tokenizer")
  }

  @Test(arguments: [
    ("transformer/config.json", "norm_eps"), ("text_encoder/config.json", "layer_norm_epsilon"),
    ("transformer/config.json", "interpolation_scale"), ("vae/config.json", "scaling_factor"),
  ])
  func `an epsilon or a factor that is none`(_ file: String, _ key: String) throws {
    let here = try TemporaryFolder()
    let model = try copyOfExample(in: here)
    let path = "\(model)/\(file)"
    let original = try contents(path)
    let end = try #require(original.lastIndex(of: UInt8(ascii: "}")))
    for value in ["0", "-1e-6", "1e300", "1e-300", "NaN", "-Infinity", "2147483648"] {
      try (original[..<end] + Data(", \"\(key)\": \(value)}".utf8))
        .write(to: URL(fileURLWithPath: path))
      let result = try Shell.run(
        "dit-run", ["-m", model, "-p", "owl", "--steps", "1", "-o", here.file("o.png")])
      #expect(
        isOneLine(result, from: "dit-run", saying: "\(path): \(key): expected", value),
        "\(value): \(result.error)")
    }
    #expect(try here.contents == ["model"])
  }

  /// A copy whose weights are links.
  private func copyOfExample(in here: TemporaryFolder) throws -> String {
    let copy = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: copy)
    for (part, name) in [
      ("transformer", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"),
      ("text_encoder", "model"),
    ] {
      let weights = "\(part)/\(name).safetensors"
      try FileManager.default.removeItem(atPath: "\(copy)/\(weights)")
      try FileManager.default.createSymbolicLink(
        atPath: "\(copy)/\(weights)", withDestinationPath: "\(Fixture.model)/\(weights)")
    }
    return copy
  }
}
