import Platform
import Tensors

/// Writes a safetensors file for a test and returns its path.
@discardableResult
package func save(
  _ path: String, _ tensors: [Tensor], metadata: [String: String] = [:]
) throws -> String {
  let output = try OutputFile(path)
  try SafetensorsWriter.write(tensors.map { .init($0) }, metadata: metadata, to: output)
  try output.commit()
  return path
}
