import Foundation
import Models
import Platform
import Sampling
import Tensors

/// A safetensors file of text states, by `dit-run --save-prompt-embeds` or by other software.
///
/// `fpq.prompts` in the metadata lists the prompts, as JSON. Prompt i has `prompt.<i>.states`
/// [tokens][channels] and `prompt.<i>.mask` [tokens], 1 for real tokens; of a second text encoder
/// `prompt.<i>.states_2` and `prompt.<i>.mask_2`. A first dimension of 1, a batch of diffusers, may
/// stand before them.
package struct PromptEmbedsFile {
  private let file: SafetensorsFile
  /// By prompt.
  private let numbers: [String: Int]

  /// Opens `path`.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - encoding: how this run reads prompts; a file that says how they were read when it was made
  ///     must say the same.
  /// - Throws: `Failure` for a file that is damaged, lists no prompts, or read them otherwise.
  init(_ path: String, for encoding: TextEncoding) throws {
    file = try SafetensorsFile(path)
    guard let text = file.metadata["fpq.prompts"] else {
      throw Failure(file.path, "expected fpq.prompts in the metadata, found none")
    }
    guard let json = try? Array(text.utf8).withUnsafeBytes({ try JSON(parsing: $0) }),
      case .array(let list) = json, list.allSatisfy({ $0.string != nil })
    else { throw Failure(file.path, "fpq.prompts: expected a JSON list of strings") }
    numbers = Dictionary(
      zip(list.compactMap(\.string), 0...), uniquingKeysWith: { first, _ in first })
    let length = encoding.promptLength.map(String.init)
    if let found = file.metadata["fpq.prompt_length"], found != length {
      throw Failure(
        file.path,
        "expected prompts of at most \(length ?? "the model's own") tokens, found \(found) "
          + "(--max-sequence-length)")
    }
    let cleans = encoding.cleansCaptions.map(String.init)
    if let found = file.metadata["fpq.clean_caption"], found != cleans {
      throw Failure(
        file.path,
        "fpq.clean_caption: expected \(cleans ?? "none"), found \(found) (--no-clean-caption)")
    }
  }

  /// The states of `prompt` as a transformer reads them: without padding where it reads none.
  ///
  /// - Throws: `Failure` naming the prompt that is not there, or the tensor that is missing or does
  ///   not fit.
  func states(of prompt: String, as inputs: [TextInput]) throws -> EncodedPrompt {
    guard let number = numbers[prompt] else {
      let what = prompt.isEmpty ? "the empty prompt, which guidance reads" : JSON.quote(prompt)
      throw Failure(file.path, "expected states of \(what), found none")
    }
    let texts = try inputs.enumerated().map { index, input in
      let suffix = index == 0 ? "" : "_\(index + 1)"
      return try text(
        states: file.tensor("prompt.\(number).states\(suffix)"),
        mask: file.tensor("prompt.\(number).mask\(suffix)"), as: input)
    }
    return EncodedPrompt(prompt: prompt, texts: texts)
  }

  private func text(states: Tensor, mask: Tensor, as input: TextInput) throws -> EncodedText {
    let shape =
      states.shape.count == 3 && states.shape[0] == 1
      ? Array(states.shape.dropFirst()) : states.shape
    guard shape.count == 2, shape[1] == input.channels, shape[0] > 0,
      shape[0] == input.tokens ?? shape[0]
    else {
      throw Failure(
        states.place,
        "expected shape [\(input.tokens.map(String.init) ?? "tokens"), \(input.channels)], found "
          + "\(states.shape)")
    }
    guard [.f32, .f16, .bf16].contains(states.dtype) else {
      throw Failure(states.place, "expected F32, F16 or BF16, found \(states.dtype.rawValue)")
    }
    guard mask.count == shape[0] else {
      throw Failure(mask.place, "expected a mask of \(shape[0]) tokens, found \(mask.shape)")
    }
    let flags = try mask.floats()
    guard flags.allSatisfy({ $0 == 0 || $0 == 1 }), flags.contains(1) else {
      throw Failure(mask.place, "expected 1 for real tokens and 0 for padding, found others")
    }
    let values = try states.floats()
    guard values.allSatisfy(\.isFinite) else {
      throw Failure(states.place, "expected finite numbers, found NaN or infinity")
    }
    let rows = flags.indices.filter { input.tokens != nil || flags[$0] == 1 }
    let matrix = Matrix(rows: rows.count, columns: input.channels)
    for (row, source) in rows.enumerated() {
      values.withUnsafeBufferPointer {
        matrix.row(row).update(
          from: $0.baseAddress! + source * input.channels, count: input.channels)
      }
    }
    return EncodedText(states: matrix, mask: rows.map { flags[$0] == 1 })
  }

  /// Writes the states of `prompts` F32, masks U8, and where they come from.
  package static func write(
    _ prompts: [EncodedPrompt], of source: TransformerSource, text: TextOptions,
    to output: OutputFile
  ) throws {
    let encoding = try source.textEncoding(text)
    var metadata = [
      "fpq.prompts": JSON.list(prompts.map(\.prompt)),
      "fpq.pipeline": source.folder.pipelineClass,
      "fpq.text_encoder.key": try encoding.parts.map { try $0.key() }.joined(separator: " "),
    ]
    metadata["fpq.prompt_length"] = encoding.promptLength.map(String.init)
    metadata["fpq.clean_caption"] = encoding.cleansCaptions.map(String.init)
    let tensors = prompts.enumerated().flatMap { number, prompt in
      prompt.texts.enumerated().flatMap { index, text in
        let suffix = index == 0 ? "" : "_\(index + 1)"
        return [
          Tensor(
            name: "prompt.\(number).states\(suffix)", dtype: .f32,
            shape: [text.states.rows, text.states.columns], values: text.states.values),
          Tensor(
            name: "prompt.\(number).mask\(suffix)", dtype: .u8, shape: [text.mask.count],
            values: text.mask.map { $0 ? UInt8(1) : 0 }),
        ]
      }
    }
    try SafetensorsWriter.write(tensors.map { .init($0) }, metadata: metadata, to: output)
    try output.commit()
  }
}
