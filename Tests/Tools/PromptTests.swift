import Foundation
import Tensors
import TestSupport
import Testing

/// Prompts on their way from a file or the command line into the text encoders.
struct PromptTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  private func draw(_ arguments: [String]) throws -> [Data] {
    let result = try Shell.run(
      "dit-run",
      ["-m", References.exampleModel, "--steps", "1", "-o", here.file("%d.png")] + arguments)
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    let names = try here.contents.filter { $0.hasSuffix(".png") }
    defer { for name in names { try? FileManager.default.removeItem(atPath: here.file(name)) } }
    return try names.map { try contents(here.file($0)) }
  }

  /// The prompt stands in the picture's text.
  @Test func `byte order marks and carriage returns are no part of a prompt`() throws {
    let plain = try draw(["-f", here.write("plain", "red heart\nowl\n".utf8)])
    #expect(plain.count == 2)
    for (name, text) in [
      ("dos", "red heart\r\nowl\r\n"), ("mark", "\u{FEFF}red heart\nowl"),
      ("both", "\u{FEFF}\r\n\r\nred heart\r\nowl\r\n"), ("mac", "\u{FEFF}red heart\rowl\r"),
    ] {
      #expect(try draw(["-f", here.write(name, text.utf8)]) == plain, "\(name)")
    }
  }

  /// 20 tokens and `</s>` are read: what is left starts where these end.
  @Test func `what is not read of a prompt is said`() throws {
    let words = Array(repeating: "heart", count: 60).joined(separator: " ")
    let result = try Shell.run(
      "dit-run",
      ["-m", References.exampleModel, "--steps", "1", "-p", words, "--max-sequence-length", "21"])
    #expect(result.status == 0)
    // One piece of the example's vocabulary; the blank after the last one that is read is no token.
    let rest = Array(repeating: "heart", count: 40).joined(separator: " ")
    #expect(
      result.error
        == "dit-run: text_encoder: 21 tokens are read of \"\(words)\"; not read: \"\(rest)\"\n")
  }

  @Test func `both encoders of Hunyuan-DiT say what they do not read`() throws {
    let words = String(repeating: "红苹果", count: 100)
    let result = try Shell.run(
      "dit-run",
      [
        "-m", References.path("pipeline-hunyuan/pipeline"), "--steps", "1", "-W", "64", "-H", "64",
        "--no-resolution-binning", "-p", words,
      ])
    #expect(result.status == 0)
    let lines = result.error.split(separator: "\n")
    // 75 characters between [CLS] and [SEP]; SentencePiece reads them in bytes or pieces.
    let unread = String(repeating: "红苹果", count: 75)
    #expect(
      lines.first
        == "dit-run: text_encoder: 77 tokens are read of \"\(words)\"; not read: \"\(unread)\"")
    #expect(lines.count <= 2)
  }

  private func latents(_ options: [String]) throws -> [Float] {
    let file = here.file("latents.safetensors")
    let result = try Shell.run(
      "dit-run",
      [
        "-m", References.exampleModel, "--steps", "3", "--save-latents", file, "-o",
        here.file("x.png"),
      ]
        + options)
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    return try SafetensorsFile(file).tensor("final_latents").floats()
  }

  /// Latents that diffusers' pipeline draws with its own default.
  @Test func `captions are cleaned unless told not to`() throws {
    let folder = References.path("captions/drawn")
    let prompts = try String(contentsOfFile: "\(folder)/prompts.txt", encoding: .utf8)
      .split(separator: "\n")
    #expect(prompts.count == 7)
    for (number, prompt) in prompts.enumerated() {
      let expected = try SafetensorsFile("\(folder)/\(number).safetensors")
        .tensor("final_latents").floats()
      let found = try latents(["-p", String(prompt)])
      #expect(largestDifference(found, expected) < 1e-3, "\(prompt)")
    }
    let plain = try latents(["-p", "red heart #1", "--no-clean-caption"])
    #expect(
      try latents(["-p", "red heart #1", "--clean-caption"]) == latents(["-p", "red heart"]))
    #expect(try plain != latents(["-p", "red heart #1"]))
    #expect(try plain == latents(["-p", " Red Heart #1", "--no-clean-caption"]))
  }

  @Test func `statistics say whether captions were cleaned`() throws {
    func settings(_ options: [String]) throws -> String {
      let file = here.file("stats.safetensors")
      let result = try Shell.run(
        "fpq-stats",
        [
          "-m", References.exampleModel, "-f", here.write("prompts", "owl (shiny)".utf8), "--steps",
          "1", "-o", file,
        ] + options)
      #expect(result.status == 0, "\(result.error)")
      return try #require(SafetensorsFile(file).metadata["fpq.settings"])
    }
    #expect(try settings([]).contains("\"clean_caption\":true"))
    #expect(try !settings(["--no-clean-caption"]).contains("clean_caption"))
  }

  @Test func `Hunyuan-DiT cleans no captions`() throws {
    let model = References.path("pipeline-hunyuan/pipeline")
    let result = try Shell.run(
      "dit-run", ["-m", model, "-p", "owl", "--clean-caption", "-o", here.file("x.png")])
    #expect(isOneLine(result, from: "dit-run", saying: "clean_caption: expected none"))
    #expect(result.status == 1)
  }
}
