import Foundation
import TestSupport
import Testing

/// Files of a model folder that are no files, or far too large ones, are refused at once.
struct OddFileTests {
  let here: TemporaryFolder
  let model: String

  init() throws {
    here = try TemporaryFolder()
    model = here.file("model")
    try FileManager.default.copyItem(atPath: Fixture.model, toPath: model)
  }

  static let files = [
    "model_index.json", "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors", "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors", "text_encoder/config.json",
    "text_encoder/model.safetensors", "tokenizer/spiece.model",
    "tokenizer/tokenizer_config.json", "scheduler/scheduler_config.json",
  ]

  private func draw() throws -> Shell.Result {
    try Shell.run(
      "/usr/bin/timeout",
      [
        "20", "\(Shell.tools)/dit-run", "-m", model, "-p", "owl", "--steps", "1", "-o",
        here.file("o.png"),
      ])
  }

  @Test(arguments: files)
  func `a named pipe, a device, a folder, 20 GB of nothing`(_ file: String) throws {
    let path = "\(model)/\(file)"
    try FileManager.default.removeItem(atPath: path)
    #expect(mkfifo(path, 0o600) == 0)
    let pipe = try draw()
    #expect(isOneLine(pipe, from: "dit-run", saying: path, "a named pipe"), "\(pipe.error)")

    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
    let device = try draw()
    #expect(isOneLine(device, from: "dit-run", saying: path, "a device"), "\(device.error)")

    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    let folder = try draw()
    #expect(isOneLine(folder, from: "dit-run", saying: path, "a folder"), "\(folder.error)")

    try FileManager.default.removeItem(atPath: path)
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(truncate(path, 20_000_000_000) == 0)
    let sparse = try draw()
    #expect(isOneLine(sparse, from: "dit-run", saying: path), "\(sparse.error)")
  }
}
