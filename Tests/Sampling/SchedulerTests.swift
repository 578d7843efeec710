import Foundation
import Platform
import Sampling
import Tensors
import TestSupport
import Testing

private struct Entry: CustomTestStringConvertible {
  let name: String
  let steps: [Int]
  let eta: Float
  /// By number of steps, how far the library is from itself in f64, over 1 + |value|.
  let gaps: JSON?
  var testDescription: String { name }
}

private func readEntries() throws -> [Entry] {
  let config = try ModelConfig(References.path("schedulers/case.json"))
  guard case .object(let members)? = config.json["entries"] else { return [] }
  return members.map { member in
    var steps: [Int] = []
    if case .array(let list)? = member.value["steps"] { steps = list.compactMap(\.int) }
    let eta = member.value["step"]?["eta"]?.double ?? 0
    return Entry(
      name: member.key, steps: steps, eta: Float(eta), gaps: member.value["f64_gap"])
  }
}

private let entries = (try? readEntries()) ?? []

@Test func `all configurations are there`() throws {
  #expect(try readEntries().count == 67)
  #expect(entries.allSatisfy { !$0.steps.isEmpty })
}

/// The library's whole trajectory with the fake model of case.json, at its tolerance.
///
/// That is 2e-5, or where f32 loses more (noise levels of 4096), 8 times what the library loses.
/// Two runs that round differently are apart by about the sum of their losses, and 4 times that is
/// left for the luck of one sample.
@Test(arguments: entries)
private func trajectoryFollowsTheLibrary(_ entry: Entry) throws {
  let all = try ModelConfig(References.path("schedulers/case.json"))
  let absolute = Float(try #require(all.json["tolerance"]?["abs"]?.double))
  let relative = Float(try #require(all.json["tolerance"]?["rel"]?.double))
  let gaps = try #require(all.json["tolerance"]?["gaps"]?.double)
  let seed = UInt64(try #require(try all.int("noise_seed")))
  let config = try ModelConfig(References.path("schedulers/\(entry.name)/scheduler_config.json"))
  let file = try References.tensors("schedulers/\(entry.name)/io.safetensors")

  let schedule = try NoiseSchedule(config)
  let every37 = stride(from: 0, to: schedule.count, by: 37)
  // Rescaling takes square roots, and PyTorch's are an ulp off for five shares of a thousand here:
  // that moves 1 - beta by 2^-23 and more near the end, and what comes of it by as many ulps.
  let isRescaled = try config.bool("rescale_betas_zero_snr") ?? false
  let betas = try file.tensor("betas").floats()
  expectNear(every37.map { schedule.betas[$0] }, betas, absolute: isRescaled ? 0x1p-22 : 0)
  // Where the classes of noise levels have 2^-24 for no signal, the schedule keeps its 0, and makes
  // 4096 of it in `sigmas`.
  let alphas = try file.tensor("alphas_cumprod").floats().map { $0 == 0x1p-24 ? 0 : $0 }
  let ulps: Float = isRescaled ? 1e-6 : 0
  expectNear(every37.map { schedule.alphasCumprod[$0] }, alphas, relative: ulps)

  let start = try file.tensor("x0")
  let shape = [start.shape[0], start.count / start.shape[0]]
  for steps in entry.steps {
    let scheduler = try makeScheduler(config: config, steps: steps, eta: entry.eta)
    let key = "n\(steps)."
    // Karras' timesteps are found in the rescaled levels; whole ones stay exact at 1e-6 of 999.
    try expectNear(
      scheduler.timesteps, file.tensor(key + "timesteps").floats(), relative: ulps)
    try expectNear(
      [scheduler.initNoiseSigma], file.tensor(key + "init_noise_sigma").floats(), relative: 1e-6)
    let levels =
      (scheduler as? DPMSolverMultistep)?.sigmas ?? (scheduler as? EulerDiscrete)?.sigmas
      ?? (scheduler as? UniPCMultistep)?.sigmas
    #expect((levels == nil) == (file.find(key + "sigmas") == nil))
    if let levels {
      try expectNear(levels, file.tensor(key + "sigmas").floats(), relative: 1e-6)
    }
    if let drawn = file.find(key + "noise") {
      let generator = TorchGenerator(seed: seed)
      let noise = (0..<(drawn.count / start.count)).flatMap { _ in generator.randn(start.count) }
      #expect(try noise == drawn.floats())
    }

    let trajectory = try file.tensor(key + "trajectory").floats()
    let inputs = try file.tensor(key + "model_input").floats()
    let generator = TorchGenerator(seed: seed)
    var latents = Matrix(
      rows: shape[0], columns: shape[1],
      values: try start.floats().map { $0 * scheduler.initNoiseSigma })
    let lost = Float(gaps * (try #require(entry.gaps?["\(steps)"]?.double)))
    func compare(_ found: [Float], _ expected: ArraySlice<Float>, _ what: String) {
      for (a, b) in zip(found, expected) {
        let allowed = max(absolute, lost) + max(relative, lost) * abs(b)
        #expect(abs(a - b) <= allowed, "\(what) of \(steps)")
      }
    }
    for (index, timestep) in scheduler.timesteps.enumerated() {
      let part = (index * start.count)..<((index + 1) * start.count)
      let input = scheduler.scaleInput(latents, index: index)
      compare(input.values, inputs[part], "input \(index)")
      let shift = Float(0.1 * sin(Double(timestep)))
      let output = Matrix(
        rows: shape[0], columns: shape[1], values: input.values.map { 0.5 * $0 + shift })
      latents = scheduler.step(output, index: index, latents: latents, generators: [generator])
      let next = (part.lowerBound + start.count)..<(part.upperBound + start.count)
      compare(latents.values, trajectory[next], "step \(index)")
    }
  }
}

private func expectNear(
  _ found: [Float], _ expected: [Float], absolute: Float = 0, relative: Float = 0,
  location: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, sourceLocation: location)
  for (a, b) in zip(found, expected) {
    #expect(abs(a - b) <= absolute + relative * abs(b), sourceLocation: location)
  }
}

/// Every count gives as many finite, falling timesteps as asked for, in all schedulers.
@Test(arguments: SchedulerName.allCases)
func `any number of steps works`(_ name: SchedulerName) throws {
  for spacing in ["linspace", "leading", "trailing"] {
    let config = try ModelConfig(
      text: #"{"timestep_spacing": "\#(spacing)", "original_inference_steps": 1000}"#, path: "text")
    for steps in [1, 2, 3, 7, 14, 15, 61, 103, 333, 499, 500, 998] {
      let scheduler = try makeScheduler(config: config, override: name.rawValue, steps: steps)
      #expect(scheduler.timesteps.count == steps)
      #expect(zip(scheduler.timesteps, scheduler.timesteps.dropFirst()).allSatisfy { $0 > $1 })
      #expect(scheduler.timesteps.allSatisfy { (0...999).contains($0) })
      var latents = Matrix(
        rows: 1, columns: 2, values: [1, -2].map { $0 * scheduler.initNoiseSigma })
      let generator = TorchGenerator(seed: 0)
      for index in 0..<steps {
        let output = scheduler.scaleInput(latents, index: index)
        latents = scheduler.step(output, index: index, latents: latents, generators: [generator])
      }
      #expect(latents.values.allSatisfy { $0.isFinite }, "\(spacing) \(steps)")
    }
  }
}

@Test func `override keeps the configuration`() throws {
  let path = References.path("schedulers/ddpm-hunyuan/scheduler_config.json")
  let config = try ModelConfig(path)
  let scheduler = try makeScheduler(config: config, override: "dpmsolver++", steps: 10)
  #expect(scheduler is DPMSolverMultistep)
  // Leading with offset 1 is the file's, not DPM-Solver's own default.
  #expect(scheduler.timesteps == [901, 811, 721, 631, 541, 451, 361, 271, 181, 91])
  let names = "dpmsolver++, ddim, euler, ddpm, unipc, lcm"
  #expect(throws: Failure("scheduler pndm: expected one of \(names)")) {
    try makeScheduler(config: config, override: "pndm", steps: 10)
  }
}

/// Each class takes the files of the others: DPM-Solver's `midpoint` is `bh2` to UniPC, and back.
@Test(arguments: [
  ("dpm-linspace", "unipc", "unipc-linspace"), ("unipc-linspace", "dpmsolver++", "dpm-linspace"),
])
func `override reads the file of another class`(file: String, name: String, own: String) throws {
  func latents(_ entry: String, _ name: String?) throws -> [Float] {
    let config = try ModelConfig(References.path("schedulers/\(entry)/scheduler_config.json"))
    return trajectory(try makeScheduler(config: config, override: name, steps: 6))
  }
  #expect(try latents(file, name) == latents(own, nil))
}

/// What a file leaves out is what the library's class does without a file; LCM's betas are its own.
@Test(arguments: [("LCMScheduler", "lcm-default"), ("UniPCMultistepScheduler", "unipc-linspace")])
func `options have the defaults of their class`(className: String, entry: String) throws {
  let written = try ModelConfig(References.path("schedulers/\(entry)/scheduler_config.json"))
  let short = try ModelConfig(text: "{\"_class_name\": \"\(className)\"}", path: "text")
  #expect(
    try trajectory(makeScheduler(config: short, steps: 6))
      == trajectory(makeScheduler(config: written, steps: 6)))
}

/// Latents after all steps from [1, -2], the model's output being half of its input.
private func trajectory(_ scheduler: any Scheduler) -> [Float] {
  var latents = Matrix(rows: 1, columns: 2, values: [1, -2].map { $0 * scheduler.initNoiseSigma })
  let generator = TorchGenerator(seed: 0)
  for index in scheduler.timesteps.indices {
    let input = scheduler.scaleInput(latents, index: index)
    let output = Matrix(rows: 1, columns: 2, values: input.values.map { 0.5 * $0 })
    latents = scheduler.step(output, index: index, latents: latents, generators: [generator])
  }
  return latents.values
}

/// An override never clips latents because its class would clip pixels by default.
@Test func `override does not clip`() throws {
  let path = References.path("schedulers/dpm-linspace/scheduler_config.json")
  let config = try ModelConfig(path)
  for name in ["ddim", "ddpm", "lcm"] {
    let scheduler = try makeScheduler(config: config, override: name, steps: 1)
    let latents = Matrix(rows: 1, columns: 1, values: [3])
    let output = Matrix(rows: 1, columns: 1, values: [0])
    #expect(scheduler.original(output, index: 0, latents: latents).values[0] >= 3)
  }
}

/// Two samples with their own generators are the same as each alone.
@Test func `samples draw from their own generators`() throws {
  let path = References.path("schedulers/ddpm-hunyuan/scheduler_config.json")
  let scheduler = try makeScheduler(config: try ModelConfig(path), steps: 4)
  let values: [Float] = (0..<36).map { Float($0) / 10 - 1 }
  let both = scheduler.step(
    Matrix(rows: 2, columns: 18, values: values), index: 0,
    latents: Matrix(rows: 2, columns: 18, values: values.reversed()),
    generators: [TorchGenerator(seed: 5), TorchGenerator(seed: 6)])
  for sample in 0..<2 {
    let part = (18 * sample)..<(18 * sample + 18)
    let alone = scheduler.step(
      Matrix(rows: 1, columns: 18, values: Array(values[part])), index: 0,
      latents: Matrix(rows: 1, columns: 18, values: Array(values.reversed()[part])),
      generators: [TorchGenerator(seed: UInt64(5 + sample))])
    #expect(Array(both.values[part]) == alone.values)
  }
}
