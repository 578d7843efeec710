import Foundation
import TestSupport
import Testing

/// Output files appear complete or not at all, whatever happens.
struct OutputTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  /// Each tool with arguments that write to `output`.
  private func commands(_ output: String) -> [(tool: String, arguments: [String])] {
    [
      (
        "fpq-stats",
        ["-m", Fixture.model, "-f", fixture.prompts, "--limit", "1", "-o", output]
          + Fixture.sampling
      ),
      // One block to nearest: what is looked at is how it is written.
      (
        "fpq-round",
        [
          "-i", fixture.stats, "--layers", "*.0.*", "--method", "nearest", "-o",
          output,
        ]
      ),
      ("fpq-pack", ["-i", fixture.codes, "-o", output]),
      ("dit-run", ["-m", fixture.packed, "-p", "owl", "--steps", "1", "-o", output]),
    ]
  }

  @Test func `a full disk`() throws {
    let disk = here.file("disk")
    let mounted = try Shell.script("mkdir \(disk) && mount -t tmpfs -o size=4k tmpfs \(disk)")
    defer { _ = try? Shell.script("umount \(disk)") }
    // Without the right to mount, the device that is always full stands in.
    let output = mounted.status == 0 ? "\(disk)/out.safetensors" : "/dev/full"
    for (tool, arguments) in commands(output) {
      // A picture of the example model is smaller than the disk's one page or about as large: fill
      // it up.
      if mounted.status == 0 {
        _ = try Shell.script("head -c 100000 /dev/zero > \(disk)/filler")
      }
      let result = try Shell.run(tool, arguments)
      // Where a file is certain to be too large, that is said before the work.
      let isForeseen = result.error.contains("expected room for")
      #expect(
        isOneLine(result, from: tool, saying: output, isForeseen ? "on its disk" : "no space left"),
        "\(result.error)")
      if mounted.status == 0 {
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == ["filler"])
      }
    }
  }

  @Test func `a device that is full`() throws {
    // fpq-pack makes a folder of any name that is no safetensors file's.
    for (tool, arguments) in commands("/dev/full") where tool != "fpq-pack" {
      let result = try Shell.run(tool, arguments)
      #expect(
        isOneLine(result, from: tool, saying: "/dev/full", "no space left"), "\(result.error)")
    }
  }

  /// Why a model folder cannot be made is said by the system, and what is missing by its name.
  @Test func `a model folder that cannot be written`() throws {
    let nowhere = here.file("nowhere/packed")
    let packed = try Shell.run("fpq-pack", ["-i", fixture.codes, "-o", nowhere])
    #expect(
      isOneLine(
        packed, from: "fpq-pack",
        saying: "\(nowhere): cannot be written: no such file or directory"), "\(packed.error)")
    let model = here.file("model")
    let copied = try Shell.script("cp -r '\(Fixture.model)' '\(model)' && rm -r '\(model)/vae'")
    #expect(copied.status == 0)
    let partial = try Shell.run(
      "fpq-pack", ["-i", fixture.codes, "-m", model, "-o", here.file("packed")])
    #expect(
      isOneLine(
        partial, from: "fpq-pack", saying: "\(model)/vae: expected a file of the model, found none"),
      "\(partial.error)")
    #expect(try here.contents == ["model"])
  }

  /// A model whose files are links, as a hub's cache has them: the packed folder has what they hold.
  @Test func `links in a model are followed`() throws {
    let (model, packed) = (here.file("model"), here.file("packed"))
    let weights = "vae/diffusion_pytorch_model.safetensors"
    let linked = try Shell.script(
      """
      cp -r '\(Fixture.model)' model && mkdir blobs && mv model/\(weights) blobs/a &&
      ln -s ../../blobs/a model/\(weights) &&
      fpq-pack -i '\(fixture.codes)' -m model -o packed && rm -r model blobs
      """, in: here.path)
    #expect(linked.status == 0, "\(linked.error)")
    #expect(!FileManager.default.fileExists(atPath: model))
    #expect(
      try contents("\(packed)/\(weights)") == contents("\(Fixture.model)/\(weights)"))
    let drawn = try Shell.run("dit-run", ["-m", packed, "-p", "owl", "--steps", "1"])
    #expect(drawn.status == 0, "\(drawn.error)")
  }

  @Test func `a folder that cannot be written`() throws {
    // Root may write anywhere but into the kernel's own folders.
    let folder = getuid() == 0 ? "/proc" : here.path
    if getuid() != 0 { chmod(here.path, 0o555) }
    for (tool, arguments) in commands("\(folder)/out.safetensors") {
      let result = try Shell.run(tool, arguments)
      #expect(isOneLine(result, from: tool, saying: "\(folder)/out.safetensors"), "\(result.error)")
    }
  }

  @Test func `a failed run leaves an existing file alone`() throws {
    let output = try here.write("keep.safetensors", "precious".utf8)
    let bad = try here.write("bad.safetensors", "no".utf8)
    for (tool, input) in [("fpq-round", "-i"), ("fpq-pack", "-i"), ("dit-run", "-m")] {
      let prompt = tool == "dit-run" ? ["-p", "owl"] : []
      let result = try Shell.run(tool, [input, bad, "-o", output] + prompt)
      #expect(result.status == 1)
      #expect(try contents(output) == Data("precious".utf8))
    }
    #expect(try here.contents == ["bad.safetensors", "keep.safetensors"])
  }

  @Test func `packing over the model itself is refused`() throws {
    let result = try Shell.run("fpq-pack", ["-i", fixture.codes, "-o", Fixture.model])
    #expect(isOneLine(result, from: "fpq-pack", saying: Fixture.model), "\(result.error)")
  }

  @Test(arguments: ["INT", "TERM"])
  func `an interrupt leaves nothing behind`(_ signal: String) throws {
    for (tool, arguments) in [
      ("dit-run", ["-p", "owl", "--steps", "900", "-o", "out.png"]),
      ("fpq-stats", ["-f", fixture.prompts, "--steps", "900", "-o", "out.safetensors"]),
    ] {
      let command = "exec timeout -s \(signal) 0.7 \(tool) -m '\(Fixture.model)' "
      let result = try Shell.script(
        command + arguments.map { "'\($0)'" }.joined(separator: " "), in: here.path)
      // `timeout` says 124 when it had to stop the command.
      #expect(result.status == 124 && result.error.isEmpty, "\(result.status) \(result.error)")
      #expect(try here.contents.isEmpty)
    }
  }

  @Test func `a reader that goes away ends the writer quietly`() throws {
    for (tool, arguments) in commands("-") {
      let words = arguments.map { "'\($0)'" }.joined(separator: " ")
      let result = try Shell.script(
        "\(tool) \(words) 2>error | head -c 10 >/dev/null; cat error", in: here.path)
      // fpq-pack says what it packed; nothing else has anything to say.
      #expect(tool == "fpq-pack" || result.output.isEmpty, "\(tool): \(result.text)")
      #expect(!result.text.contains("expected") && !result.text.contains("cannot"))
    }
  }

  @Test func `binary data does not go to a terminal`() throws {
    for (tool, arguments) in commands("-") {
      let words = arguments.map { "'\($0)'" }.joined(separator: " ")
      // `script` gives the command a terminal; what the tool says comes back with carriage returns.
      let result = try Shell.script("script -qec \"\(tool) \(words)\" /dev/null </dev/null")
      #expect(
        result.text.contains("\(tool): <stdout>: expected a file or a pipe"), "\(result.text)")
      #expect(result.status == 1)
    }
  }

  @Test func `progress is drawn on a terminal only, with rate and time left`() throws {
    // Long enough to pass the first second, in which nothing is drawn.
    let command =
      "dit-run -m '\(Fixture.model)' -p owl --steps 400 -o '\(here.file("owl.png"))'"
    let quiet = try Shell.script(command)
    #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.error.isEmpty, "\(quiet.error)")
    let drawn = try Shell.script("script -qec \"\(command)\" /dev/null </dev/null")
    #expect(drawn.status == 0)
    #expect(drawn.text.contains(#/dit-run: sampling .*/400.* steps/s.* left/#), "\(drawn.text)")
  }

  @Test func `usage errors exit 64 and help goes to stdout`() throws {
    for tool in ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"] {
      let wrong = try Shell.run(tool, ["--no-such-option"])
      #expect(wrong.status == 64 && wrong.output.isEmpty && !wrong.error.isEmpty)
      let help = try Shell.run(tool, ["--help"])
      #expect(help.status == 0 && help.error.isEmpty && help.text.contains("USAGE: \(tool)"))
    }
  }
}
