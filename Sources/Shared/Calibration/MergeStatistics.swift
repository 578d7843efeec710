import Platform
import Streams
import Tensors

/// Adds shards of statistics: sums and counts add, maxima take the larger; the result has the bytes
/// of one run over all prompts.
package func mergeStatistics(_ paths: [String], to outputPath: String) throws {
  let shards = try paths.map { try StatisticsFile($0) }
  guard let first = shards.first else { throw Failure("expected statistics files to merge") }
  var prompts: [Int: String] = [:]
  for shard in shards {
    for (what, a, b) in [
      ("model", first.metadata.modelSHA256, shard.metadata.modelSHA256),
      ("part", first.metadata.part, shard.metadata.part),
      ("settings", first.run.json, shard.run.json),
      ("layers", first.roles.json, shard.roles.json),
      (
        "tensors", first.tensorNames.joined(separator: "\n"),
        shard.tensorNames.joined(separator: "\n")
      ),
    ] where a != b {
      throw Failure(shard.path, "expected the same \(what) as \(first.path), found another")
    }
    for (number, prompt) in shard.prompts {
      guard prompts.updateValue(prompt, forKey: number) == nil else {
        throw Failure(shard.path, "prompt \(number) is in an earlier shard too: \(prompt)")
      }
    }
  }
  let output = try OutputFile(outputPath)
  let entries = try first.tensorNames.map { name in
    let parts = try shards.map { try $0.tensor(name) }
    if let other = parts.first(where: { $0.shape != parts[0].shape || $0.dtype != parts[0].dtype })
    {
      throw Failure(
        other.place,
        "expected \(parts[0].dtype.rawValue) \(parts[0].shape) as in \(parts[0].origin), "
          + "found \(other.dtype.rawValue) \(other.shape)")
    }
    return mergedEntry(name, parts)
  }
  let metadata = StatisticsFile.metadata(
    part: first.metadata.part, model: first.metadata.model, options: first.metadata.options,
    unused: first.metadata.unused, sha256: first.metadata.modelSHA256, run: first.run,
    roles: first.roles, prompts: prompts)
  try SafetensorsWriter.write(entries, metadata: metadata.dictionary, to: output)
  try output.commit()
  Console.say("merged \(shards.count) files, \(prompts.count) prompts, \(first.sites.count) sites")
}

/// One tensor of the result, made when its turn to be written comes.
private func mergedEntry(_ name: String, _ parts: [Tensor]) -> SafetensorsWriter.Entry {
  let isMaximum = name.hasSuffix("absmax")
  return .init(name: name, dtype: parts[0].dtype, shape: parts[0].shape) { sink in
    var total = try parts[0].doubles()
    for part in parts.dropFirst() {
      for (index, value) in try part.doubles().enumerated() {
        total[index] = isMaximum ? max(total[index], value) : total[index] + value
      }
    }
    switch parts[0].dtype {
    case .f64: try total.withUnsafeBytes(sink)
    case .f32: try total.map(Float.init).withUnsafeBytes(sink)
    case .i64: try total.map { Int64(clamping: $0) }.withUnsafeBytes(sink)
    default: throw Failure(parts[0].place, "expected F64, F32 or I64 statistics")
    }
  }
}
