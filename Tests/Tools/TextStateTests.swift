import Foundation
import Tensors
import TestSupport
import Testing

/// Text states from a file or from a cache, by `dit-run`, `fpq-stats` and `fpq-round`: the same
/// bytes as from the text encoders, which then do not run.
struct TextStateTests {
  struct Model: CustomTestStringConvertible, Sendable {
    let name: String
    let path: String
    let sampling: String
    let parts: [String]
    /// Text encoders, each with an entry in the cache for each text.
    var encoders: Int { parts.count / 2 }
    var testDescription: String { name }
  }

  static let example = Model(
    name: "example", path: Fixture.model, sampling: "--steps 2",
    parts: ["text_encoder", "tokenizer"])
  static let hunyuan = Model(
    name: "hunyuan", path: References.path("pipeline-hunyuan/pipeline"),
    sampling: "--steps 2 --width 96 --height 128 --no-resolution-binning",
    parts: ["text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"])

  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  private func run(_ command: String) throws -> Shell.Result {
    try Shell.script(command, in: here.path)
  }

  /// The picture that a command of `dit-run` draws, which must say `message` and nothing else.
  private func draw(_ model: Model, _ options: String, saying message: String = "") throws -> Data {
    let result = try run("dit-run -m model \(model.sampling) --no-metadata \(options)")
    #expect(result.status == 0, "\(options): \(result.error)")
    #expect(message.isEmpty ? result.error.isEmpty : result.error.contains(message))
    return result.output
  }

  private func copy(_ model: Model) throws {
    try FileManager.default.copyItem(atPath: model.path, toPath: here.file("model"))
  }

  private func removeEncoders(_ model: Model) throws {
    for part in model.parts {
      try FileManager.default.removeItem(atPath: here.file("model/\(part)"))
    }
  }

  private func cached(_ folder: String = "cache") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: here.file(folder)).sorted()
  }

  @Test(arguments: [example, hunyuan])
  func `states from a file draw the same picture without text encoders`(_ model: Model) throws {
    try copy(model)
    let plain = try draw(model, "-p 'red heart' -n blue")
    #expect(try plain == draw(model, "-p 'red heart' -n blue --save-prompt-embeds kept"))
    let kept = try SafetensorsFile(here.file("kept"))
    #expect(kept.metadata["fpq.prompts"] == #"["blue","red heart"]"#)
    #expect(kept.metadata["fpq.text_encoder.key"]?.count == 65 * model.encoders - 1)
    #expect(kept.names.count == 4 * model.encoders)
    try removeEncoders(model)
    #expect(try plain == draw(model, "-p 'red heart' -n blue --prompt-embeds kept"))
    // Without guidance the negative prompt is not asked for.
    _ = try draw(model, "-p 'red heart' -n none --guidance-scale 1 --prompt-embeds kept")
    let none = try run("dit-run -m model -p 'red heart' -n blue")
    #expect(isOneLine(none, from: "dit-run", saying: "model/t"), "\(none.error)")
  }

  @Test(arguments: [example, hunyuan])
  func `a cache gives the same picture, and is read`(_ model: Model) throws {
    try copy(model)
    let plain = try ["apple", "heart"].map { try draw(model, "-p \($0)") }
    let cache = "--embeds-cache cache"
    #expect(try plain[0] == draw(model, "-p apple \(cache)"))
    #expect(try cached().count == 2 * model.encoders)
    #expect(try plain == ["apple", "heart"].map { try draw(model, "-p \($0) \(cache)") })
    let files = try cached()
    #expect(files.count == 3 * model.encoders)
    let bytes = try files.map { try contents(here.file("cache/\($0)")) }
    #expect(try plain == ["apple", "heart"].map { try draw(model, "-p \($0) \(cache)") })

    // A damaged file is written again; half of one, and one with a flipped bit.
    var flipped = bytes[1]
    flipped[flipped.count - 3] ^= 1
    try here.write("cache/\(files[0])", bytes[0].prefix(bytes[0].count / 2))
    try here.write("cache/\(files[1])", flipped)
    var said = ""
    for (prompt, picture) in zip(["apple", "heart"], plain) {
      let result = try run("dit-run -m model \(model.sampling) --no-metadata -p \(prompt) \(cache)")
      #expect(result.output == picture)
      said += result.error
    }
    #expect(said.ranges(of: "; it is made again").count == 2, "\(said)")
    #expect(try files.map { try contents(here.file("cache/\($0)")) } == bytes)
    #expect(try cached() == files)
  }

  /// By the ids of tokens, the encoder and the tokenizer; not by how the prompt is written.
  @Test func `what the cache tells apart`() throws {
    let model = TextStateTests.example
    try copy(model)
    let options = "--guidance-scale 1 --embeds-cache cache -p"
    let plain = try draw(model, "\(options) 'Red  heart'")
    // The empty prompt is not encoded without guidance.
    #expect(try cached().count == 1)
    #expect(try draw(model, "--max-sequence-length 200 \(options) 'red heart'") == plain)
    #expect(try cached().count == 1)
    _ = try draw(model, "\(options) 'red hearts'")
    #expect(try cached().count == 2)

    for (count, file) in [(3, "text_encoder/model.safetensors"), (4, "tokenizer/spiece.model")] {
      var bytes = try contents(here.file("model/\(file)"))
      // Of the last weight; of the last piece's score.
      bytes[bytes.count - 2] ^= 1
      try here.write("model/\(file)", bytes)
      _ = try run("dit-run -m model \(model.sampling) \(options) 'red heart' -o picture.png")
      #expect(try cached().count == count, "\(file)")
    }
  }

  /// Entries in each other's place, of equally many tokens: the picture is the other prompt's.
  @Test func `the cache is what is drawn`() throws {
    let model = TextStateTests.example
    try copy(model)
    let options = "--guidance-scale 1 --embeds-cache"
    let apple = try draw(model, "\(options) a -p apple")
    let owl = try draw(model, "\(options) b -p owl")
    #expect(apple != owl)
    let names = try ["a", "b"].map { try cached($0)[0] }
    try here.write("a/\(names[0])", try contents(here.file("b/\(names[1])")))
    #expect(try draw(model, "\(options) a -p apple") == owl)
  }

  @Test func `a cache that cannot be made is refused before the encoders run`() throws {
    try here.write("file", [])
    let result = try run("dit-run -m \(Fixture.model) -p owl --embeds-cache file/cache")
    #expect(isOneLine(result, from: "dit-run", saying: "file/cache"), "\(result.error)")
  }

  @Test func `an encoder of another width than the transformer reads is refused`() throws {
    let model = TextStateTests.example
    try copy(model)
    try removeEncoders(model)
    for part in model.parts {
      try FileManager.default.copyItem(
        atPath: References.path("pipeline-alpha/pipeline/\(part)"),
        toPath: here.file("model/\(part)"))
    }
    let result = try run("dit-run -m model -p owl")
    #expect(
      isOneLine(result, from: "dit-run", saying: "model/text_encoder: ", "256 channels"),
      "\(result.error)")
  }

  /// A tensor of the kept file replaced by what another program might have written.
  private func keep(
    _ file: SafetensorsFile, as name: String, replacing tensors: [Tensor], without: String? = nil,
    metadata: [String: String]? = nil
  ) throws {
    let names = Set(tensors.map(\.name))
    let others = try file.names.filter { !names.contains($0) && $0 != without }.map {
      try file.tensor($0)
    }
    try save(here.file(name), others + tensors, metadata: metadata ?? file.metadata)
  }

  /// As `encode_prompt` of diffusers' PixArt pipelines returns them: a batch of one, padded to 120
  /// tokens whose states are numbers like any other, and an integer mask.
  @Test func `padded states of other software draw the same picture`() throws {
    let model = TextStateTests.example
    try copy(model)
    let plain = try draw(model, "-p owl --save-prompt-embeds kept")
    let kept = try SafetensorsFile(here.file("kept"))
    let padded = try [0, 1].flatMap { number in
      let states = try kept.tensor("prompt.\(number).states")
      let (tokens, channels) = (states.shape[0], states.shape[1])
      let padding = (0..<((120 - tokens) * channels)).map { Float($0 % 11) - 5 }
      return [
        Tensor(
          name: states.name, dtype: .f32, shape: [1, 120, channels],
          values: try states.floats() + padding),
        Tensor(
          name: "prompt.\(number).mask", dtype: .i64, shape: [1, 120],
          values: (0..<120).map { Int64($0 < tokens ? 1 : 0) }),
      ]
    }
    try keep(
      kept, as: "padded", replacing: padded,
      metadata: ["fpq.prompts": "[\"\", \"\\u006fwl\"]"])
    #expect(try draw(model, "-p owl --prompt-embeds padded") == plain)
  }

  @Test func `files that do not fit are refused by the tensor or the prompt`() throws {
    let model = TextStateTests.example
    try copy(model)
    _ = try draw(model, "-p owl --save-prompt-embeds kept")
    let kept = try SafetensorsFile(here.file("kept"))
    func refusal(_ options: String, _ parts: String...) throws {
      let result = try run("dit-run -m model \(options)")
      #expect(result.status == 1 && result.output.isEmpty, "\(options)")
      let lines = result.error.split(separator: "\n")
      #expect(lines.count == 1 && lines[0].hasPrefix("dit-run: "), "\(result.error)")
      for part in parts { #expect(result.error.contains(part), "\(options): \(result.error)") }
    }
    try refusal("-p frog --prompt-embeds kept", "kept: ", "\"frog\"")
    try refusal("-p owl -n red --prompt-embeds kept", "kept: ", "\"red\"")
    try refusal("-p owl --prompt-embeds none", "none: ", "expected a safetensors file")
    try refusal(
      "-p owl --prompt-embeds kept --max-sequence-length 40", "kept: ", "40 tokens, found 120")
    try refusal("-p owl --prompt-embeds kept --no-clean-caption", "kept: ", "clean_caption")
    try refusal(
      "-p owl --prompt-embeds model/vae/diffusion_pytorch_model.safetensors", "fpq.prompts")

    let states = try kept.tensor("prompt.1.states")
    let (tokens, channels) = (states.shape[0], states.shape[1])
    var values = try states.floats()
    func replaced(_ name: String, _ dtype: DType, _ shape: [Int], _ values: [Float]) throws {
      try keep(
        kept, as: "bad",
        replacing: [Tensor(name: name, dtype: dtype, shape: shape, values: values)])
    }
    try replaced(
      states.name, .f32, [tokens, channels - 1], Array(values.prefix(tokens * (channels - 1))))
    try refusal(
      "-p owl --prompt-embeds bad", states.name, "\(channels)]", "[\(tokens), \(channels - 1)]")
    try replaced("prompt.1.mask", .f32, [tokens + 1], Array(repeating: 1, count: tokens + 1))
    try refusal("-p owl --prompt-embeds bad", "prompt.1.mask", "a mask of \(tokens) tokens")
    try replaced("prompt.1.mask", .f32, [tokens], Array(repeating: 0, count: tokens))
    try refusal("-p owl --prompt-embeds bad", "prompt.1.mask", "1 for real tokens")
    values[channels + 1] = .nan
    try replaced(states.name, .f32, [tokens, channels], values)
    try refusal("-p owl --prompt-embeds bad", states.name, "NaN")
    for name in ["prompt.1.states", "prompt.0.mask"] {
      try keep(kept, as: "bad", replacing: [], without: name)
      try refusal("-p owl --prompt-embeds bad", "bad: ", "expected tensor \(name), found none")
    }
    try keep(kept, as: "bad", replacing: [], metadata: ["fpq.prompts": "[1]"])
    try refusal("-p owl --prompt-embeds bad", "fpq.prompts: expected a JSON list of strings")
    try keep(kept, as: "bad", replacing: [], metadata: ["fpq.prompts": #"["owl", "x"]"#])
    try refusal("-p owl --prompt-embeds bad", "bad: ", "the empty prompt, which guidance reads")

    for options in ["--embeds-cache a", "--save-prompt-embeds b"] {
      let result = try run("dit-run -m model -p owl --prompt-embeds kept \(options)")
      #expect(result.status == 64 && result.error.contains("exclude each other"))
    }
    let unused = try run("fpq-round -i stats --embeds-cache a -o codes")
    #expect(unused.status == 64 && unused.error.contains("need --inputs quantized"))
  }

  @Test(arguments: [example, hunyuan])
  func `statistics and samples are the same with kept states`(_ model: Model) throws {
    try copy(model)
    try here.write("prompts", "a cat\nan owl\nA cat\n".utf8)
    let stats = "fpq-stats -m model -f prompts \(model.sampling)"
    let round = "fpq-round -i plain --inputs quantized --samples 6 --method nearest"
    let made = try run(
      """
      \(stats) -o plain && \(round) -o codes &&
      dit-run -m model -f prompts \(model.sampling) -o %d.png --save-prompt-embeds kept &&
      \(stats) -o a --embeds-cache cache && \(round) -o b --embeds-cache cache
      """)
    #expect(made.status == 0, "\(made.error)")
    // BERT and T5 of Hunyuan-DiT: the first lower-cases, the second does not.
    #expect(try cached().count == (model.encoders == 1 ? 3 : 3 + 4))
    try removeEncoders(model)
    let read = try run(
      """
      \(stats) -o c --prompt-embeds kept && \(round) -o d --prompt-embeds kept
      """)
    #expect(read.status == 0, "\(read.error)")
    for (name, expected) in [("a", "plain"), ("b", "codes"), ("c", "plain"), ("d", "codes")] {
      #expect(try contents(here.file(name)) == contents(here.file(expected)), "\(name)")
    }
  }

  /// What is there already is not encoded again, and with nothing left no text encoder is opened.
  @Test func `a run that goes on encodes what is left`() throws {
    let model = TextStateTests.example
    try copy(model)
    try here.write("prompts", "red apple\nfrog\nwolf\n".utf8)
    let stats = "fpq-stats -m model -f prompts \(model.sampling)"
    let made = try run(
      """
      \(stats) -o whole && cp whole done.resume && \(stats) --limit 2 -o part.resume &&
      \(stats) --resume -o part --embeds-cache cache
      """)
    #expect(made.status == 0, "\(made.error)")
    #expect(try contents(here.file("part")) == contents(here.file("whole")))
    // The last prompt and the negative one.
    #expect(try cached().count == 2)
    try removeEncoders(model)
    let resumed = try run("\(stats) --resume -o done")
    #expect(resumed.status == 0, "\(resumed.error)")
    #expect(try contents(here.file("done")) == contents(here.file("whole")))
  }
}
