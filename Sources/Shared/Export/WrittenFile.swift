import Platform
import Tensors

/// A safetensors file that an exporter wrote, and what it meant to write.
package struct WrittenFile {
  /// As it can be read; `-`: it went to stdout.
  package let path: String
  private let digests: TensorDigests

  /// Writes `tensors` to `temporary`, which is to become `path`.
  ///
  /// - Throws: `Failure` when it cannot be written.
  package static func write(
    _ tensors: [SafetensorsWriter.Entry], metadata: [String: String], to temporary: String,
    as path: String
  ) throws -> WrittenFile {
    let file = try OutputFile(temporary)
    let digests = try SafetensorsWriter.write(tensors, metadata: metadata, to: file)
    try file.commit()
    return WrittenFile(path: path, digests: digests)
  }

  /// Reads the file again and compares every tensor.
  ///
  /// - Throws: `Failure` naming the first tensor that differs, and for stdout.
  package func verify() throws {
    guard path != "-" else { throw Failure("<stdout>", "expected a file or folder to verify") }
    try digests.verify(SafetensorsFile(path))
  }
}
