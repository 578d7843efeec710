import Pipeline
import Platform
import Tensors

/// Reads starting latents: the tensor `initial_latents` or `latents`,
/// [pictures][channels][height][width], standard normal.
func initialLatents(_ path: String, shape: [Int]) throws -> [Latents] {
  let file = try SafetensorsFile(path)
  guard let tensor = file.find("initial_latents") ?? file.find("latents") else {
    throw Failure(file.path, "expected tensor initial_latents, found none")
  }
  guard tensor.shape.count == 4, Array(tensor.shape.dropFirst()) == shape else {
    throw Failure(tensor.place, "expected shape [n] + \(shape), found \(tensor.shape)")
  }
  let values = try tensor.floats()
  guard values.allSatisfy(\.isFinite) else {
    throw Failure(tensor.place, "expected finite numbers, found NaN or infinity")
  }
  let size = shape.reduce(1, *)
  return (0..<tensor.shape[0]).map {
    Latents(
      channels: shape[0], height: shape[1], width: shape[2],
      values: Array(values[($0 * size)..<(($0 + 1) * size)]))
  }
}

/// Writes `initial_latents` and `final_latents`, F32 [pictures][channels][height][width].
func writeLatents(_ pictures: [SampledPicture], to path: String) throws {
  let output = try OutputFile(path)
  let entries = [
    ("initial_latents", pictures.map(\.noise)), ("final_latents", pictures.map(\.latents)),
  ].map { name, latents in
    SafetensorsWriter.Entry(
      Tensor(
        name: name, dtype: .f32, shape: [latents.count] + (latents.first?.shape ?? []),
        values: latents.flatMap(\.values)))
  }
  try SafetensorsWriter.write(entries, metadata: [:], to: output)
  try output.commit()
}
