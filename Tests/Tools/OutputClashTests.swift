import Foundation
import TestSupport
import Testing

/// Two outputs under one name, and an output that is an input, are refused before any work.
struct OutputClashTests {
  private static let model = Fixture.model

  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
    try fixture.put(into: here) { try FileManager.default.copyItem(atPath: $0, toPath: $1) }
    for (name, target) in [("link", "st"), ("soon", "new"), ("self", ".")] {
      try FileManager.default.createSymbolicLink(
        atPath: here.file(name), withDestinationPath: target)
    }
    for name in ["hard", "hard.safetensors"] {
      try FileManager.default.linkItem(atPath: here.file("codes"), toPath: here.file(name))
    }
  }

  /// The digests of all files here.
  private func state() throws -> String {
    try Shell.script("find . -type f -o -type l | sort | xargs sha256sum", in: here.path).text
  }

  private func refused(_ command: String, _ file: String, _ options: String...) throws {
    let before = try state()
    let result = try Shell.script(command, in: here.path)
    let tool = String(command.prefix { $0 != " " })
    #expect(
      isOneLine(
        result, from: tool, saying: "\(tool): \(file): ", "expected a file of its own, found what"),
      "\(command): \(result.error)")
    for option in options { #expect(result.error.contains(option), "\(command): \(result.error)") }
    #expect(try state() == before, "\(command)")
  }

  @Test func `two outputs under one name`() throws {
    let draw = "dit-run -m \(OutputClashTests.model) --steps 900 -p owl"
    for option in [
      "--save-latents", "--save-prompt-embeds", "--dump '*@1' --dump-file", "--embeds-cache",
    ] {
      try refused("\(draw) -o new \(option) new", "new", "--output", "writes")
      try refused("\(draw) -o new \(option) self/soon", "self/soon", "--output")
      try refused(
        "\(draw) -o - \(option.replacing("--embeds-cache", with: "--save-latents")) -", "<stdout>")
    }
    let batch = "dit-run -m \(OutputClashTests.model) --steps 900 -f p -b 3 -o 'new-%02d'"
    try refused("\(batch) --save-latents new-11", "new-11", "--save-latents", "--output")
    let round = "fpq-round -i st"
    try refused("\(round) -o new --report ./new", "./new", "--report", "--output")
    try refused(
      "\(round) --objective block -o new --trace soon --report x", "soon", "--trace", "--output")
    try refused("\(round) --objective block -o x --report new --trace soon", "soon", "--report")
    try refused("\(round) --resume -o new --report new.resume", "new.resume", "--resume")
    try refused(
      "fpq-stats -m \(OutputClashTests.model) -f p --steps 900 --resume -o x --embeds-cache x.resume",
      "x.resume", "--embeds-cache", "--resume")
    // Devices are for any number of outputs.
    let thrown = try Shell.script(
      "\(round) --method nearest -o /dev/null --report /dev/null", in: here.path)
    #expect(thrown.status == 0, "\(thrown.error)")
  }

  @Test func `an output that is an input`() throws {
    let (model, copy) = (OutputClashTests.model, here.file("model"))
    let stats = "fpq-stats -m \(model) --steps 900"
    try refused("\(stats) -f p -o p", "p", "--output", "--prompt-file", "reads")
    try refused("\(stats) -f - -o p < p", "p", "--prompt-file")
    try refused("\(stats) -f p --prompt-embeds st -o link", "link", "--prompt-embeds")
    try refused("fpq-stats --merge st codes -o self/hard", "self/hard", "--merge")
    try refused("fpq-round -i st -o st", "st", "--output", "--input")
    try refused("fpq-round -i st -o x --report link", "link", "--report", "--input")
    try refused("fpq-round -i codes --held-out st -o st", "st", "--held-out")
    try refused("fpq-pack -i codes -o hard.safetensors", "hard.safetensors", "--input")
    let draw = "dit-run --steps 900 -m"
    try refused("\(draw) \(model) -f p -o x%d --save-latents p", "p", "--save-latents")
    try refused("\(draw) \(model) -p owl --latents st -o link", "link", "--latents")
    try refused("\(draw) \(model) -p owl --prompt-embeds st -o st", "st", "--prompt-embeds")
    try refused("\(draw) codes -p owl -o hard", "hard", "--model")
    // The shell would have emptied it with one `>`.
    try refused("fpq-round -i st >> st", "<stdout>", "--output", "--input")
    try FileManager.default.copyItem(atPath: model, toPath: copy)
    _ = try Shell.script(
      "mv model/vae/config.json v && ln -s ../../v model/vae/config.json", in: here.path)
    let weights = "model/transformer/diffusion_pytorch_model.safetensors"
    for (name, part) in [
      (weights, "-o"), ("v", "--save-latents"), ("model/model_index.json", "-o"),
    ] {
      let other = part == "-o" ? "" : "-o x"
      try refused("\(draw) model -p owl \(other) \(part) \(name)", name, "--model")
    }
    try refused("fpq-stats -m model --steps 900 -f p -o \(weights)", weights, "--model")
    try refused("fpq-stats -m model --part text_encoder -f p -o v", "v", "--model")
    try refused("fpq-stats -m model --data-free -o v", "v", "--model")
    try refused("fpq-round -i st -m model -o \(weights)", weights, "--model")
    try refused("fpq-pack -i codes -m model -o \(weights)", weights, "--model")
    // What merely lies beside its files is none of them.
    let beside = try Shell.script("dit-run --steps 1 -m model -p owl -o model/a.png", in: here.path)
    #expect(beside.status == 0, "\(beside.error)")
    let again = try Shell.script("dit-run --steps 1 -m model -p owl -o model/a.png", in: here.path)
    #expect(again.status == 0, "\(again.error)")
    _ = try Shell.script(
      "mkdir pictures && cp model/a.png pictures/a.png && cp model/a.png b.png", in: here.path)
    try refused("fpq-show sheet b.png model/a.png -o self/b.png", "self/b.png", "--output", "reads")
    try refused("fpq-show sheet model pictures -o model/a.png", "model/a.png", "--output")
  }

  @Test func `stdin is one input`() throws {
    try refused("fpq-round -i - --held-out - < st", "<stdin>", "--held-out", "--input")
    try refused("fpq-pack -i - - < codes", "<stdin>", "--input")
    try refused("fpq-stats --merge - - < st", "<stdin>", "--merge")
  }
}
