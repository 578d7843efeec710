import Foundation
import Models
import Platform
import Sampling
import Tensors

/// The text states of prompts, each distinct one once: read from a file, or from the text encoders
/// and the folder in which their states are kept.
struct TextStates {
  let all: [EncodedPrompt]
  private let places: [String: Int]

  /// - Parameters:
  ///   - prompts: in any number each; without any, nothing is opened.
  ///   - source: the model.
  ///   - inputs: what its transformer reads.
  ///   - options: where the states come from.
  /// - Throws: `Failure` for a text encoder that is missing, damaged or another model's, and for a
  ///   file that does not have the states of every prompt.
  init(
    _ prompts: [String], of source: TransformerSource, inputs: [TextInput], options: TextOptions
  ) throws {
    var (distinct, places): ([String], [String: Int]) = ([], [:])
    for prompt in prompts where places[prompt] == nil {
      places[prompt] = distinct.count
      distinct.append(prompt)
    }
    self.places = places
    guard !distinct.isEmpty else {
      all = []
      return
    }
    let encoding = try source.textEncoding(options)
    if let path = options.embeds {
      let file = try PromptEmbedsFile(path, for: encoding)
      all = try distinct.map { try file.states(of: $0, as: inputs) }
    } else {
      all = try encoding.encode(
        distinct, inputs: inputs, cache: options.cache.map(EmbedsCache.init))
    }
  }

  func place(of prompt: String) throws -> Int {
    guard let place = places[prompt] else {
      throw Failure("prompt \(prompt)", "expected its text states, found none")
    }
    return place
  }

  subscript(prompt: String) -> EncodedPrompt {
    get throws { all[try place(of: prompt)] }
  }
}

extension TextEncoding {
  /// Adds what is read of the text encoders to a plan: nothing where states come from a file, and
  /// no encoder that is not there, as a cache may have all that is asked for.
  package func read(_ options: TextOptions, in plan: inout RunPlan) {
    if let embeds = options.embeds {
      plan.reads(embeds, bytes: fileSize(embeds), "")
      return
    }
    for part in parts {
      guard let files = try? part.weights().files.map(\.path) else { continue }
      plan.reads(part.encoder, bytes: files.reduce(0) { $0 + fileSize($1) }, "")
    }
  }

  /// Seconds that the text encoders will take for `prompts`.
  ///
  /// What is in a cache of states counts as nothing.
  package func seconds(
    _ prompts: [String], inputs: [TextInput], options: TextOptions
  ) throws -> [(part: String, seconds: Double)] {
    guard options.embeds == nil else { return [] }
    return try zip(parts, inputs).map { part, input in
      let texts = try PartStates(
        part, prompts: Array(Set(prompts)).sorted(), input: input,
        cache: options.cache.map(EmbedsCache.init))
      guard !texts.isComplete else { return (part.name, 0) }
      return (part.name, try texts.openEncoder().plannedSeconds(texts.missingTexts()))
    }
  }

  /// The states of `prompts`: what the cache has, and the rest from encoders that are opened only
  /// if something is left for them.
  fileprivate func encode(
    _ prompts: [String], inputs: [TextInput], cache: EmbedsCache?
  ) throws -> [EncodedPrompt] {
    let texts = try zip(parts, inputs).map { part, input in
      try PartStates(part, prompts: prompts, input: input, cache: cache)
    }
    // All are opened before the first one runs, so that a fault of the second is told at once.
    let encoders = try texts.map { try $0.isComplete ? nil : $0.openEncoder() }
    let progress = Progress(
      "text", total: encoders.reduce(0) { $0 + ($1?.blockCount ?? 0) }, unit: "blocks")
    for (texts, encoder) in zip(texts, encoders) {
      if let encoder { try texts.complete(by: encoder) { progress.advance() } }
    }
    progress.finish()
    return prompts.enumerated().map { index, prompt in
      EncodedPrompt(prompt: prompt, texts: texts.map { $0.encoded(index) })
    }
  }
}

/// The states that one text encoder makes of prompts.
private final class PartStates {
  private let part: TextPart
  private let input: TextInput
  private let tokens: [Tokens]
  private let cache: (folder: EmbedsCache, names: [String])?
  /// [tokens][channels] of each prompt; nil: not there yet.
  private var states: [Matrix?]

  /// Reads what the cache has.
  init(_ part: TextPart, prompts: [String], input: TextInput, cache: EmbedsCache?) throws {
    (self.part, self.input) = (part, input)
    let tokens = try prompts.map(part.openTokenizer())
    self.tokens = tokens
    for (prompt, tokens) in zip(prompts, tokens) where !tokens.unread.isEmpty {
      let read = tokens.mask.count { $0 }
      Console.say(
        "\(part.name): \(read) tokens are read of \(JSON.quote(prompt)); not read: "
          + JSON.quote(tokens.unread))
    }
    if let cache {
      let key = try part.key()
      let names = try tokens.map { try EmbedsCache.name(encoder: key, $0) }
      self.cache = (cache, names)
      states = zip(names, tokens).map {
        cache.find($0, tokens: $1.ids.count, channels: input.channels)
      }
    } else {
      self.cache = nil
      states = Array(repeating: nil, count: prompts.count)
    }
  }

  var isComplete: Bool { !states.contains { $0 == nil } }

  /// - Throws: `Failure` for one that is missing, damaged, or of another width than the transformer
  ///   reads.
  func openEncoder() throws -> any TextEncoder {
    let encoder = try part.open(part.weights())
    guard encoder.width == input.channels else {
      throw Failure(
        part.encoder,
        "expected states of \(input.channels) channels, which the transformer reads, found "
          + "\(encoder.width)")
    }
    return encoder
  }

  private var missing: [Int] { states.indices.filter { states[$0] == nil } }

  func missingTexts() throws -> [TextBatch] { try missing.map { try TextBatch(tokens[$0]) } }

  /// Makes what is missing, and keeps it in the cache.
  func complete(by encoder: any TextEncoder, didFinishBlock: () -> Void) throws {
    let made = try encoder.encode(
      missingTexts(), observer: nil, didFinishBlock: didFinishBlock)
    for (index, made) in zip(missing, made) {
      states[index] = made
      try cache.map { try $0.folder.keep(made, as: $0.names[index]) }
    }
  }

  func encoded(_ index: Int) -> EncodedText {
    guard let states = states[index] else { preconditionFailure("the encoder has not run") }
    return EncodedText(states: states, mask: tokens[index].mask)
  }
}
