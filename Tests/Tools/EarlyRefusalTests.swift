import Foundation
import TestSupport
import Testing

/// What arguments and configurations tell is refused before the first step of the work.
struct EarlyRefusalTests {
  private static let model = Fixture.model

  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
    try fixture.put(into: here) {
      try FileManager.default.createSymbolicLink(atPath: $1, withDestinationPath: $0)
    }
    try here.write("file", "x".utf8)
  }

  /// Runs `command` for at most so many seconds of the processor's time, which no load of the
  /// machine uses up: that of 900 steps is several times as much.
  private func refusal(_ command: String) throws -> Shell.Result {
    let before = try here.contents
    let result = try Shell.script("ulimit -t 2; \(command)", in: here.path)
    #expect(try here.contents == before, "\(command)")
    #expect(result.output.isEmpty, "\(command)")
    return result
  }

  private func refused(_ command: String, _ parts: String...) throws {
    let result = try refusal(command)
    let tool = String(command.prefix { $0 != " " })
    #expect(isOneLine(result, from: tool), "\(command): \(result.status) \(result.error)")
    for part in parts { #expect(result.error.contains(part), "\(command): \(result.error)") }
  }

  private func isWrongUsage(_ command: String, _ parts: String...) throws {
    let result = try refusal(command)
    #expect(result.status == 64, "\(command): \(result.status) \(result.error)")
    for part in parts { #expect(result.error.contains(part), "\(command): \(result.error)") }
  }

  /// That many steps do take longer than a refusal may.
  @Test func `work takes longer`() throws {
    let result = try Shell.script(
      "ulimit -t 2; dit-run -m \(EarlyRefusalTests.model) -p owl --steps 900 -o out", in: here.path)
    #expect(result.status == 128 + SIGKILL || result.status == 128 + SIGXCPU, "\(result.status)")
  }

  /// Where nothing can be written: no such folder, below a file, and where even root may not.
  private static let places = [
    ("no/x", "no such file or directory"), ("file/x", "not a directory"),
    ("/proc/x", "no such file or directory"),
  ]

  @Test(arguments: places)
  func `an output that cannot be written`(_ place: String, _ reason: String) throws {
    let said = "\(place): cannot be written: \(reason)"
    let draw = "dit-run -m \(EarlyRefusalTests.model) -p owl --steps 900"
    for option in [
      "-o", "-o out --save-latents", "-o out --save-prompt-embeds",
      "-o out --dump '*@1' --dump-file",
    ] { try refused("\(draw) \(option) \(place)", said) }
    try refused(
      "dit-run -m \(EarlyRefusalTests.model) -f p --steps 900 -o \(place)-%02d",
      "\(place)-00: cannot be written: \(reason)")
    let stats = "fpq-stats -m \(EarlyRefusalTests.model) -f p"
    try refused("\(stats) --steps 900 -o \(place)", said)
    try refused("\(stats) --steps 900 --resume -o \(place)", said)
    try refused("\(stats) --part text_encoder -o \(place)", said)
    try refused("fpq-stats -m \(EarlyRefusalTests.model) --data-free -o \(place)", said)
    try refused("fpq-stats --merge st -o \(place)", said)
    let round = "fpq-round -i st"
    for option in [
      "-o", "-o out --report", "-o out --method adaround --trace",
      "-o out --objective block --trace", "--resume -o",
    ] { try refused("\(round) \(option) \(place)", said) }
    try refused("fpq-pack -i codes -o \(place)", said)
    try refused(
      "fpq-pack -i codes -o \(place).safetensors",
      "\(place).safetensors: cannot be written: \(reason)")
    try refused("fpq-show sheet p -o \(place)", said)
  }

  @Test func `a folder for text states that cannot be made`() throws {
    for (place, reason) in [
      ("file", "found a file"), ("file/x", "not a directory"),
      ("/proc/x/y", "no such file or directory"),
    ] {
      for command in [
        "dit-run -m \(EarlyRefusalTests.model) -p owl --steps 900 -o out",
        "fpq-stats -m \(EarlyRefusalTests.model) -f p --steps 900 -o out",
        "fpq-round -i st --inputs quantized -o out",
      ] { try refused("\(command) --embeds-cache \(place)", "\(place): ", reason) }
    }
  }

  @Test func `a dump that there will not be`() throws {
    let draw = "dit-run -m \(EarlyRefusalTests.model) -p owl --steps 900 -o out --dump"
    try refused("\(draw) 'nosuch*@3'", "nosuch*", "expected a module of that name, found none")
    // What is done once, before the steps, is no inner value of one.
    try refused("\(draw) 'caption_projection@0'", "caption_projection")
    try refused("\(draw) '*@900'", "*@900", "expected a step of 0 to 899, found 900")
    try isWrongUsage("\(draw.dropLast(6)) --dump-file x", "--dump-file needs --dump")
    for (pattern, names) in [
      ("*.2.ff", "transformer_blocks.2.ff"), ("pos_embed", "pos_embed"), ("proj_out", "proj_out"),
      ("*.1.attn2.to_out.0.input", "transformer_blocks.1.attn2.to_out.0.input"),
    ] {
      let result = try Shell.script(
        "dit-run -m \(EarlyRefusalTests.model) -p owl --steps 1 -o o --dump '\(pattern)@0' --dump-file d "
          + "&& fpq-show ls d --tsv | tail -n +2 | cut -f 1", in: here.path)
      #expect(result.text.split(separator: "\n").contains(Substring(names)), "\(result.text)")
    }
  }

  @Test func `what the sampler alone has is wrong beside a text encoder`() throws {
    let model = "fpq-stats -m \(EarlyRefusalTests.model) -o out"
    for option in [
      "--steps 3", "--guidance-scale 2", "--guidance-rescale 0.5", "--negative-prompt x",
      "--seed 4",
      "--width 64", "--height 64", "--scheduler ddim", "--no-resolution-binning",
      "--tokens-per-sample 4", "--prompt-embeds st", "--embeds-cache cache", "--layers '*'",
      "--resume",
    ] {
      let name = String(option.prefix { $0 != " " })
      try isWrongUsage("\(model) --part text_encoder -f p \(option)", name)
      try isWrongUsage("\(model) --data-free \(option)", name)
      try isWrongUsage("fpq-stats --merge st -o out \(option)", name)
    }
    for option in ["--skip 1", "--limit 1", "--max-sequence-length 9", "--clean-caption"] {
      let name = String(option.prefix { $0 != " " })
      try isWrongUsage("\(model) --data-free \(option)", name)
      try isWrongUsage("fpq-stats --merge st -o out \(option)", name)
    }
    for option in ["--part text_encoder", "--base x", "--pipeline x", "--variant x"] {
      let name = String(option.prefix { $0 != " " })
      try isWrongUsage("fpq-stats --merge st -o out \(option)", name)
    }
    try isWrongUsage(
      "\(model) -f p --steps 900 --resume-interval 2", "--resume-interval needs --resume")
  }

  @Test func `rounding that its layers do not have`() throws {
    try refused("fpq-round -i st --rank 257 -o out", "attn1.to_q.weight", "at most 256", "257")
    try refused("fpq-round -i st --layers '*.ff.*' --rank 300 -o out", "ff.net.0.proj.weight")
    try isWrongUsage(
      "fpq-round -i st --objective block --tune-activations e2m3:static -o out",
      "--tune-activations e2m3:static")
    for option in ["--layers", "--skip", "--format"] {
      let value = option == "--format" ? "'nosuch*=int4'" : "'nosuch*'"
      try refused("fpq-round -i st \(option) \(value) -o out", "nosuch*", "matched none")
    }
    _ = try Shell.script(
      "fpq-stats -m \(EarlyRefusalTests.model) --part text_encoder --data-free -o t5", in: here.path
    )
    for option in ["--inputs quantized", "--objective block"] {
      try refused("fpq-round -i t5 \(option) -o out", "expected statistics of a transformer")
    }
  }

  @Test func `packing that there cannot be`() throws {
    _ = try Shell.script(
      """
      fpq-stats -m \(EarlyRefusalTests.model) --part text_encoder --data-free |
        fpq-round --layers '*' -o t5
      """, in: here.path)
    try refused("fpq-pack -i codes t5 -o out.safetensors", "expected one part for a stream")
    try refused("fpq-pack -i codes -o file", "file: expected a folder")
    for (option, value) in [("--activations", "foo"), ("--attention", "foo")] {
      try refused("fpq-pack -i codes -o out \(option) \(value)", "format foo")
    }
    try isWrongUsage("fpq-pack -i codes --link", "--link")
    try isWrongUsage("fpq-pack -i codes --link -o x.safetensors", "--link")
  }

  @Test func `sampling that its scheduler and size do not have`() throws {
    _ = try Shell.script("cp -r \(EarlyRefusalTests.model) model", in: here.path)
    let path = here.file("model/scheduler/scheduler_config.json")
    try String(contentsOfFile: path, encoding: .utf8)
      .replacing(/"num_train_timesteps": \d+/, with: "\"num_train_timesteps\": 100")
      .write(toFile: path, atomically: true, encoding: .utf8)
    for tool in ["dit-run -p owl -o out", "fpq-stats -f p -o out"] {
      try refused("\(tool) -m model --steps 101", "steps: expected 1 ... 100, found 101")
      let example = "\(tool) -m \(EarlyRefusalTests.model) --steps 900"
      try refused("\(example) --scheduler lcm", "original_inference_steps")
      try refused("\(example) --scheduler foo", "expected one of dpmsolver++")
      try refused("\(example) -W 100 --no-resolution-binning", "100x64", "multiples of 8")
      try refused("\(example) --prompt-embeds st", "st: ")
    }
    let draw = "dit-run -p owl -m \(EarlyRefusalTests.model) --steps 900"
    try refused("\(draw) -o out -b 2", "expected %d in the name for 2 pictures")
    try refused("\(draw) -o out --latents st", "st: expected tensor initial_latents")
  }

  @Test(arguments: ["dit-run -p owl --steps 900 -m", "fpq-stats -f p --steps 900 -m"])
  func `a terminal`(_ command: String) throws {
    let whole = "ulimit -t 10; \(command) \(EarlyRefusalTests.model)"
    // A plan is for people.
    for (option, code) in [("", 1), (" --plan", 0)] {
      let result = try Shell.script(
        "script -qec \"\(whole)\(option)\" /dev/null </dev/null", in: here.path)
      #expect(result.status == code, "\(result.text)")
      #expect(result.text.contains("expected a file or a pipe") == (code == 1), "\(result.text)")
    }
  }
}
