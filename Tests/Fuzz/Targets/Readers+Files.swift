import Foundation
import Inspection
import Models
import Platform
import Sampling
import Tensors
import TestSupport

func readSafetensors(_ bytes: UnsafeRawBufferPointer) throws {
  try FuzzFile.with(bytes) { path in
    let file = try SafetensorsFile(path)
    for name in file.names { try attempt { _ = try file.tensor(name).floats() } }
  }
}

/// What is read and written is read as the same again.
func readJSON(_ bytes: UnsafeRawBufferPointer) throws {
  // Whatever is read as the standard has it is read so too.
  guard let json = try? JSON(parsing: bytes, allowNonFinite: true) else { return }
  _ = json.description
  let again = try Array(json.compact.utf8).withUnsafeBytes {
    try JSON(parsing: $0, allowNonFinite: true)
  }
  precondition(again == json, "\(json.compact)")
  if let strict = try? JSON(parsing: bytes) { precondition(strict == json, "\(json.compact)") }
}

func readConfigs(_ bytes: UnsafeRawBufferPointer) throws {
  guard let text = String(validating: bytes, as: UTF8.self) else { return }
  let config = try ModelConfig(text: text, path: "config.json")
  try attempt { _ = try PixArtConfig(config, weights: MemorySource(tensors: [])) }
  try attempt { _ = try HunyuanConfig(config) }
  try attempt { _ = try AutoencoderConfig(config) }
  for steps in [1, 3] { try attempt { _ = try makeScheduler(config: config, steps: steps) } }
}

func readPicture(_ bytes: UnsafeRawBufferPointer) throws {
  let file = PNGRepair.repaired(bytes)
  _ = PNGChunks.text(in: file)
  let image = try Image(pngBytes: file, place: "picture.png")
  // Compressing takes longer than the rest.
  guard image.width * image.height < 1 << 12 else { return }
  let again = try Image(pngBytes: image.pngData(), place: "picture.png")
  precondition(again == image, "\(image.width)x\(image.height)")
}

func showFile(_ bytes: UnsafeRawBufferPointer) throws {
  try StreamText.file(bytes).withUnsafeBytes {
    try FuzzFile.with($0) { path in
      let names = try SafetensorsFile(path).names
      try attempt { _ = try DescribeFile.report(path) }
      try attempt { _ = try ListTensors.table([path], values: true) }
      for name in names.prefix(2) {
        try attempt { _ = try Histogram(path, tensor: name, bins: 10) }
      }
    }
  }
}
