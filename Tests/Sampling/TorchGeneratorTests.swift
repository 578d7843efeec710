import Sampling
import Tensors
import TestSupport
import Testing

private func file() throws -> SafetensorsFile {
  try References.tensors("torch-rng/io.safetensors")
}

/// The seed and the count in a key such as `f32.42.1000`.
private func parts(_ key: String) -> (seed: UInt64, count: Int)? {
  let parts = key.split(separator: ".")
  guard parts.count == 3, let seed = UInt64(parts[1]), let count = Int(parts[2]) else { return nil }
  return (seed, count)
}

private func mismatches(_ a: [Float], _ b: [Float]) -> Int {
  a.count == b.count ? zip(a, b).count { $0.bitPattern != $1.bitPattern } : Int.max
}

@Test func `generator words are MT19937`() throws {
  let file = try file()
  let names = file.names.filter { $0.hasPrefix("mt19937_u32.") }
  #expect(names.count == 3)
  for name in names {
    let seed = try #require(UInt64(name.dropFirst("mt19937_u32.".count)))
    let tensor = try file.tensor(name)
    let generator = TorchGenerator(seed: seed)
    for index in 0..<tensor.count {
      let expected = tensor.bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      try #require(generator.word() == expected, "\(name)[\(index)]")
    }
  }
}

@Test func `randn is bit exact in F32`() throws {
  let file = try file()
  let names = file.names.filter { $0.hasPrefix("f32.") }
  #expect(names.count == 30)
  for name in names {
    let (seed, count) = try #require(parts(name))
    let drawn = TorchGenerator(seed: seed).randn(count)
    #expect(mismatches(drawn, try file.tensor(name).floats()) == 0, "\(name)")
  }
}

/// Successive draws on one generator: the cached second value survives long draws in between.
@Test func `successive draws follow the stream`() throws {
  let file = try file()
  let config = try ModelConfig(References.path("torch-rng/case.json"))
  let seed = UInt64(try #require(try config.ints("seeds")?.last))
  guard case .object(let sequences)? = config.json["sequences"] else {
    Issue.record("no sequences")
    return
  }
  #expect(sequences.count == 6)
  for sequence in sequences {
    guard case .array(let counts) = sequence.value else { continue }
    let generator = TorchGenerator(seed: seed)
    let drawn = try counts.flatMap { generator.randn(try #require($0.int)) }
    let expected = try file.tensor("sequence.\(sequence.key)").floats()
    #expect(mismatches(drawn, expected) == 0, "\(sequence.key)")
  }
  let batch = try file.tensor("batch4d")
  #expect(mismatches(TorchGenerator(seed: seed).randn(batch.count), try batch.floats()) == 0)
}

@Test func `drawing nothing is possible`() {
  let generator = TorchGenerator(seed: 1)
  #expect(generator.randn(0).isEmpty)
  #expect(generator.randn(4) == TorchGenerator(seed: 1).randn(4))
}
