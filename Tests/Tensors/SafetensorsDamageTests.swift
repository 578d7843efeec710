import Foundation
import Platform
import Tensors
import TestSupport
import Testing

private func goodFiles() throws -> [(name: String, bytes: Data)] {
  let folder = References.path("safetensors-hostile")
  return try FileManager.default.contentsOfDirectory(atPath: folder)
    .filter { $0.hasPrefix("ok_") }.sorted()
    .map { ($0, try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)"))) }
}

@Test func `a file cut at any byte is refused`() throws {
  let folder = try TemporaryFolder()
  for (name, bytes) in try goodFiles() {
    for length in 0..<bytes.count {
      let path = try folder.write(name, bytes.prefix(length))
      #expect(throws: Failure.self, "\(name) cut to \(length)") { try SafetensorsFile(path) }
    }
  }
}

@Test func `a file with any bit flipped is refused or readable`() throws {
  let folder = try TemporaryFolder()
  var accepted = 0
  for (name, bytes) in try goodFiles() {
    for position in 0..<bytes.count {
      for flip: UInt8 in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
        var damaged = bytes
        damaged[position] ^= flip
        let path = try folder.write(name, damaged)
        do {
          let file = try SafetensorsFile(path)
          for name in file.names { _ = try file.tensor(name).floats() }
          accepted += 1
        } catch is Failure {}
      }
    }
  }
  // Flips within data, names and numbers that stay consistent are not damage a reader can see.
  #expect(accepted > 0)
}

@Test func `other things than files are refused in one line`() throws {
  let folder = try TemporaryFolder()
  #expect(throws: Failure(folder.path, "expected a safetensors file, found a folder")) {
    try SafetensorsFile(folder.path)
  }
  let missing = folder.file("missing.safetensors")
  #expect(throws: Failure(missing, "expected a safetensors file, found none")) {
    try SafetensorsFile(missing)
  }
  let sheet = References.path("emoji-pixart/sheet.png")
  #expect(throws: Failure(sheet, "expected a safetensors file, found a PNG image")) {
    try SafetensorsFile(sheet)
  }
  let below = folder.file("missing.safetensors/more")
  #expect(throws: Failure(below, "expected a safetensors file, found none")) {
    try SafetensorsFile(below)
  }
  let inFile = try folder.write("plain", [1]) + "/more"
  #expect(throws: Failure(inFile, "cannot be read: not a directory")) {
    try SafetensorsFile(inFile)
  }
}

/// Opens `bytes` through a named pipe.
private func throughPipe(_ bytes: Data, _ folder: TemporaryFolder) throws -> SafetensorsFile {
  let path = folder.file("pipe")
  unlink(path)
  #expect(mkfifo(path, 0o600) == 0)
  let written = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let descriptor = open(path, O_WRONLY)
    _ = bytes.withUnsafeBytes { writeAll($0, to: descriptor) }
    close(descriptor)
    written.signal()
  }
  defer { written.wait() }
  return try SafetensorsFile(path)
}

@Test func `a pipe reads as the file does`() throws {
  let folder = try TemporaryFolder()
  for (name, bytes) in try goodFiles() {
    let streamed = try throughPipe(bytes, folder)
    let mapped = try SafetensorsFile(References.path("safetensors-hostile/\(name)"))
    #expect(streamed.names == mapped.names)
    for name in mapped.names {
      #expect(try streamed.tensor(name).bytes.elementsEqual(mapped.tensor(name).bytes))
    }
    let pipe = folder.file("pipe")
    let start = 8 + Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    if bytes.count > start {
      #expect(
        throws: Failure(
          pipe, "expected \(bytes.count - start) bytes of data, found \(bytes.count - start - 1)")
      ) { try throughPipe(bytes.dropLast(), folder) }
    }
    #expect(
      throws: Failure(
        pipe, "expected \(bytes.count - start) bytes of data, found \(bytes.count - start + 1)")
    ) { try throughPipe(bytes + [0], folder) }
    #expect(throws: Failure(pipe, "expected a header of \(start - 8) bytes, found \(start - 9)")) {
      try throughPipe(bytes.prefix(start - 1), folder)
    }
  }
}

@Test func `a long pipe is kept in a file without a name`() throws {
  let folder = try TemporaryFolder()
  // Just above the 64 MB that stay in memory.
  let values = (0..<17_000_000).map { Float($0) }
  let path = folder.file("long.safetensors")
  let output = try OutputFile(path)
  try SafetensorsWriter.write(
    [.init(Tensor(name: "x", dtype: .f32, shape: [values.count], values: values))],
    metadata: [:], to: output)
  try output.commit()
  let streamed = try throughPipe(try Data(contentsOf: URL(fileURLWithPath: path)), folder)
  #expect(try streamed.tensor("x").floats() == values)
}

@Test func `a mapped input survives its replacement`() throws {
  let folder = try TemporaryFolder()
  let path = folder.file("a.safetensors")
  func write(_ value: Float, from source: SafetensorsFile?) throws {
    let output = try OutputFile(path)
    let tensor =
      try source?.tensor("x") ?? Tensor(name: "x", dtype: .f32, shape: [1], values: [value])
    try SafetensorsWriter.write(
      [.init(tensor), .init(tensor, as: "y\(value)")], metadata: [:], to: output)
    try output.commit()
  }
  try write(1, from: nil)
  let input = try SafetensorsFile(path)
  try write(2, from: input)
  #expect(input.names == ["x", "y1.0"])
  #expect(try input.tensor("x").floats() == [1])
  #expect(try SafetensorsFile(path).names == ["x", "y2.0"])
}
