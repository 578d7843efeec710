import Foundation
import Tensors
import TestSupport
import Testing

/// Tokenizers as transformers 5 saves them and with tokens added, to the latents of diffusers.
struct TokenizerFolderTests {
  let here: TemporaryFolder
  let model: String

  init() throws {
    here = try TemporaryFolder()
    model = here.file("model")
    try FileManager.default.copyItem(atPath: References.exampleModel, toPath: model)
  }

  private func draw(_ prompt: String, steps: Int) throws -> Shell.Result {
    try Shell.run(
      "dit-run",
      [
        "-m", model, "-p", prompt, "--steps", "\(steps)", "--save-latents", here.file("latents"),
        "-o", here.file("x.png"),
      ])
  }

  /// Of the signal over the error, as `fpq-show diff` has it.
  private func isNear(_ reference: String) throws -> Bool {
    let result = try Shell.run(
      "fpq-show",
      [
        "diff", References.path("tokenizer-json/\(reference).safetensors"), here.file("latents"),
        "--min-sqnr", "60",
      ])
    return result.status == 0
  }

  @Test func `tokenizer json alone gives the latents of the original`() throws {
    try FileManager.default.removeItem(atPath: "\(model)/tokenizer")
    try FileManager.default.copyItem(
      atPath: References.path("tokenizer-json/unigram"), toPath: "\(model)/tokenizer")
    let result = try draw("owl", steps: 4)
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    #expect(try isNear("owl"))
  }

  @Test func `an added token has its row of the embedding`() throws {
    try here.write("model/tokenizer/added_tokens.json", #"{"zorgling": 1428}"#.utf8)
    let refused = try draw("a zorgling heart", steps: 3)
    #expect(
      isOneLine(refused, from: "dit-run", saying: "token zorgling: expected an id below the 1428"),
      "\(refused.error)")
    #expect(try draw("a heart", steps: 1).status == 0)
    // One more row: that of token 66, times -1.5.
    let folder = "\(model)/text_encoder"
    let weights = try SafetensorsFile("\(folder)/model.safetensors")
    let shared = try weights.tensor("shared.weight")
    let (rows, width) = (shared.shape[0], shared.shape[1])
    let values = try shared.floats()
    let own = values[(66 * width)..<(67 * width)].map { $0 * -1.5 }
    let longer = Tensor(
      name: shared.name, dtype: .f16, shape: [rows + 1, width],
      values: (values + own).map { Float16($0) })
    try save(
      here.file("longer"),
      try weights.names.map { $0 == shared.name ? longer : try weights.tensor($0) })
    try FileManager.default.removeItem(atPath: "\(folder)/model.safetensors")
    try FileManager.default.moveItem(
      atPath: here.file("longer"), toPath: "\(folder)/model.safetensors")
    let config = try String(contentsOfFile: "\(folder)/config.json", encoding: .utf8)
    try here.write(
      "model/text_encoder/config.json",
      config.replacing(/"vocab_size": \d+/, with: "\"vocab_size\": \(rows + 1)").utf8)
    #expect(rows == 1428)
    let result = try draw("a zorgling heart", steps: 3)
    #expect(result.status == 0, "\(result.error)")
    #expect(try isNear("zorgling"))
  }
}
