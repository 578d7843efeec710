import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

/// Every option of `fpq-round` changes what the built tool writes.
struct RoundOptionTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  /// Runs the tool with `options` and returns what it says.
  private func round(_ options: String, _ more: [String] = []) throws -> String {
    let result = try Shell.run(
      "fpq-round",
      ["-i", fixture.stats, "-o", here.file("codes")]
        + options.split(separator: " ").map(String.init) + more)
    #expect(result.status == 0 && result.output.isEmpty, "\(options): \(result.error)")
    return result.error
  }

  /// All tensors of a codes stream, and its history.
  private struct Codes: Equatable {
    let tensors: [String: Data]
    let history: String
  }

  /// What tests have rounded, by options: several compare with the same.
  private static let made = Mutex<[String: Codes]>([:])

  private func codes(_ options: String) throws -> Codes {
    if let made = RoundOptionTests.made.withLock({ $0[options] }) { return made }
    _ = try round(options)
    let file = try SafetensorsFile(here.file("codes"))
    let tensors = try file.names.map { name in
      let tensor = try file.tensor(name)
      return ("\(name) \(tensor.dtype) \(tensor.shape)", Data(tensor.bytes))
    }
    let codes = Codes(
      tensors: Dictionary(uniqueKeysWithValues: tensors),
      history: file.metadata["fpq.history"] ?? "")
    RoundOptionTests.made.withLock { $0[options] = codes }
    return codes
  }

  private static let layer = "--layers transformer_blocks.0.attn1.to_out.0"
  private static let nearest = "\(layer) --method nearest"
  private static let learned = "\(layer) --method adaround --format *.to_out.0=e2m1 --iterations 40"

  /// Shards are told apart by the history: it names what changes codes.
  @Test(arguments: [
    (nearest, "--layers *.0.attn1.to_q"), (layer, "--method gptq"),
    (nearest, "--recipe fp4dit-alpha"), (nearest, "--format *.to_out.0=e3m0"),
    ("--layers *.0.attn1.to_[qk] --method nearest", "--skip *.to_k"),
    (nearest, "--group-size 32"), (nearest, "--scale-type f16"), (nearest, "--scale absmax"),
    ("\(nearest) --format transformer_blocks.*=e2m1", "--asymmetric"),
    ("\(nearest) --format *.to_out.0=fp4.25", "--shared-bit overwrite"),
    (nearest, "--rank 2"), ("\(nearest) --rank 2", "--rank-metric weight"),
    ("\(layer) --method gptq", "--damping 1"), ("\(layer) --method gptq", "--no-sort-channels"),
    (nearest, "--no-bias-correction"), ("\(nearest) --recipe fp4dit-alpha", "--bias-correction"),
    (nearest, "--no-center"), ("\(nearest) --recipe fp4dit-alpha", "--center"),
    (nearest, "--no-smooth"), (nearest, "--smooth 0.9"), (nearest, "--hadamard 16"),
    ("\(nearest) --recipe fpq-greedy", "--activation-bits 6"),
    (learned, "--no-scale-aware"),
  ])
  func `codes are others with`(_ base: String, option: String) throws {
    let (without, with) = (try codes(base), try codes("\(base) \(option)"))
    #expect(without.tensors != with.tensors)
    let isShard = option.hasPrefix("--layers")
    #expect((without.history == with.history) == isShard)
    #expect(with.history.contains(option) != isShard, "\(with.history)")
  }

  @Test(arguments: [
    ("\(layer) --method gptq", "--sort-channels --bias-correction --center --rank 0"),
    (learned, "--scale-aware --shared-bit nearest"),
    (nearest, "--objective layer --inputs full --iterations 7"),
  ])
  func `what a recipe has changes nothing, said or not`(_ base: String, options: String) throws {
    #expect(try codes(base) == codes("\(base) \(options)"))
  }

  /// Two blocks of which one layer each is rounded.
  private static let blocks =
    "--skip transformer_blocks.[2-5].* --skip *.attn2.* --skip *.ff.* --skip *.to_[qkv]"

  /// The trace that `options` leave, by lines.
  private func trace(_ options: String) throws -> [[Substring]] {
    _ = try round(options, ["--trace", here.file("trace")])
    return try String(contentsOfFile: here.file("trace"), encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
  }

  @Test func `layers and blocks trace how their losses fall`() throws {
    let options = "\(RoundOptionTests.blocks) --method adaround --iterations 3"
    for (more, ending) in [("", ".attn1.to_out.0"), (" --objective block --samples 6", "")] {
      let lines = try trace(options + more)
      #expect(lines[0].prefix(4) == ["unit", "iteration", "soft_loss", "hard_loss"])
      let expected = (0...1).flatMap { block in
        (0...3).map { ["transformer_blocks.\(block)\(ending)", "\($0)"] }
      }
      #expect(lines.dropFirst().map { $0.prefix(2).map(String.init) } == expected)
    }
  }

  @Test func `blocks learn otherwise with`() throws {
    let base =
      "\(RoundOptionTests.blocks) --objective block --samples 8 --batch-size 2 --iterations 3"
    let plain = try trace(base)
    for option in [
      "--inputs full", "--samples 12", "--batch-size 3", "--iterations 4",
      "--tune-activations e2m3:token",
    ] {
      let other = try trace("\(base) \(option)")
      #expect(other != plain, "\(option)")
      let history = try SafetensorsFile(here.file("codes")).metadata["fpq.history"] ?? ""
      #expect(history.contains(option), "\(history)")
    }
  }

  @Test func `codes move when they are told to`() throws {
    // A code is half a level from the next, and moves by .005 levels an iteration at most.
    let base =
      "--layers transformer_blocks.0.* \(RoundOptionTests.blocks) --objective block --samples 2 "
      + "--batch-size 1 --iterations 150"
    let (fixed, moved) = (try trace(base), try trace("\(base) --tune-codes"))
    #expect(fixed.count == moved.count && fixed.prefix(10) == moved.prefix(10))
    #expect(fixed != moved)
  }

  @Test func `a report judges each layer, also by other statistics`() throws {
    let report = here.file("report")
    func row(_ more: [String]) throws -> (said: String, cells: [String: String]) {
      let said = try round(RoundOptionTests.nearest, ["--report", report] + more)
      let lines = try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n").map {
        $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      }
      try #require(lines.count == 2 && lines[0].count == lines[1].count)
      return (said, Dictionary(uniqueKeysWithValues: zip(lines[0], lines[1])))
    }
    let (quiet, plain) = try row([])
    #expect(quiet.isEmpty)
    #expect(plain["held_out_error"] == "" && plain["held_out_sqnr_db"] == "")
    let (said, judged) = try row(["--held-out", fixture.stats, "--verbose"])
    #expect(plain["sqnr_db"] == judged["sqnr_db"])
    // On the statistics that it was rounded for, but by their second moments and with the bias as
    // it is stored.
    let errors = ["error", "held_out_error"].compactMap { Double(judged[$0] ?? "") }
    try #require(errors.count == 2)
    #expect(abs(errors[1] / errors[0] - 1) < 0.01, "\(errors)")
    let (own, nearest) = (judged["sqnr_db"] ?? "", Double(judged["error_nearest"] ?? "") ?? 0)
    let absmax = String(format: "%.2f", -10 * log10(nearest))
    let heldOut = judged["held_out_sqnr_db"] ?? ""
    #expect(
      said.contains(
        "mean output SQNR of a layer \(own) dB, nearest \(absmax); held out \(heldOut)\n"),
      "\(said)")
    #expect(said.contains("1 layers, "))
  }

  @Test func `what was never seen has no figure, and is counted`() throws {
    let seen = try SafetensorsFile(fixture.stats)
    let site = "transformer_blocks.0.attn1.qkv"
    let unseen = try save(
      here.file("unseen"),
      seen.names.map { name in
        let tensor = try seen.tensor(name)
        guard name.hasPrefix("\(site).") else { return tensor }
        let zeros = [UInt8](repeating: 0, count: tensor.bytes.count)
        return Tensor(
          name: name, dtype: tensor.dtype, shape: tensor.shape, origin: "<memory>",
          storage: zeros.withUnsafeBytes { ByteStorage(copying: $0) }, range: zeros.indices)
      }, metadata: seen.metadata)
    func report(_ statistics: String, heldOut: String) throws -> (said: String, rows: [[Substring]])
    {
      let result = try Shell.run(
        "fpq-round",
        [
          "-i", statistics, "--layers", "transformer_blocks.0.attn1.*", "--method", "nearest",
          "--held-out", heldOut, "--report", here.file("report"), "-o", here.file("codes"), "-v",
        ])
      #expect(result.status == 0, "\(result.error)")
      let rows = try String(contentsOfFile: here.file("report"), encoding: .utf8)
        .split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
      return (result.error, rows)
    }
    let own = try report(unseen, heldOut: fixture.stats)
    let other = try report(fixture.stats, heldOut: unseen)
    let columns = own.rows[0]
    func cells(_ rows: [[Substring]], _ names: [String]) -> [String: Set<Substring>] {
      let places = names.compactMap { columns.firstIndex(of: Substring($0)) }
      return Dictionary(
        uniqueKeysWithValues: rows.dropFirst().map { row in
          (String(row[0].split(separator: ".")[3]), Set(places.map { row[$0] }))
        })
    }
    let (errors, judged) = (
      ["error_nearest", "error", "sqnr_db"], ["held_out_error", "held_out_sqnr_db"]
    )
    for layer in ["to_q", "to_k", "to_v"] {
      #expect(cells(own.rows, errors)[layer] == ["never seen"])
      #expect(cells(other.rows, judged)[layer] == ["never seen"])
      #expect(cells(own.rows, judged)[layer]?.allSatisfy { Double($0) != nil } == true)
      #expect(cells(other.rows, errors)[layer]?.allSatisfy { Double($0) != nil } == true)
    }
    // The mean is that of the one layer of another site.
    let figure = cells(own.rows, ["sqnr_db"])["to_out"]?.first ?? ""
    #expect(Double(figure).map { (5...60).contains($0) } == true, "\(figure)")
    #expect(own.said.contains("SQNR of a layer \(figure) dB, "), "\(own.said)")
    #expect(own.said.contains("; 3 of 4 layers never seen\n"), "\(own.said)")
    let held = cells(other.rows, ["held_out_sqnr_db"])["to_out"]?.first ?? ""
    #expect(other.said.contains("; held out \(held)\n"), "\(other.said)")
  }
}
