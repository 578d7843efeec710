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
  var testDescription: String { name }
}

private func readEntries() throws -> [Entry] {
  let config = try ModelConfig(References.path("schedulers/case.json"))
  guard case .object(let members)? = config.json["entries"] else { return [] }
  return members.map { member in
    var steps: [Int] = []
    if case .array(let list)? = member.value["steps"] { steps = list.compactMap(\.int) }
    let eta = member.value["step"]?["eta"]?.double ?? 0
    return Entry(name: member.key, steps: steps, eta: Float(eta))
  }
}

private let entries = (try? readEntries()) ?? []

@Test func `all configurations are there`() throws {
  #expect(try readEntries().count == 25)
  #expect(entries.allSatisfy { !$0.steps.isEmpty })
}

/// The library's whole trajectory with the fake model of case.json, at its tolerance.
@Test(arguments: entries)
private func trajectoryFollowsTheLibrary(_ entry: Entry) throws {
  let all = try ModelConfig(References.path("schedulers/case.json"))
  let absolute = Float(try #require(all.json["tolerance"]?["abs"]?.double))
  let relative = Float(try #require(all.json["tolerance"]?["rel"]?.double))
  let seed = UInt64(try #require(try all.int("noise_seed")))
  let config = try ModelConfig(References.path("schedulers/\(entry.name)/scheduler_config.json"))
  let file = try References.tensors("schedulers/\(entry.name)/io.safetensors")

  let schedule = try NoiseSchedule(config)
  let every37 = stride(from: 0, to: schedule.count, by: 37)
  #expect(try every37.map { schedule.betas[$0] } == file.tensor("betas").floats())
  #expect(try every37.map { schedule.alphasCumprod[$0] } == file.tensor("alphas_cumprod").floats())

  let start = try file.tensor("x0")
  let shape = [start.shape[0], start.count / start.shape[0]]
  for steps in entry.steps {
    let scheduler = try makeScheduler(config: config, steps: steps, eta: entry.eta)
    let key = "n\(steps)."
    #expect(try scheduler.timesteps == file.tensor(key + "timesteps").floats())
    let initial = try file.tensor(key + "init_noise_sigma").floats()[0]
    #expect(abs(scheduler.initNoiseSigma - initial) <= 1e-6 * initial)
    let levels =
      (scheduler as? DPMSolverMultistep)?.sigmas ?? (scheduler as? EulerDiscrete)?.sigmas
    #expect((levels == nil) == (file.find(key + "sigmas") == nil))
    if let levels {
      let expected = try file.tensor(key + "sigmas").floats()
      #expect(levels.count == expected.count)
      for (a, b) in zip(levels, expected) { #expect(abs(a - b) <= 1e-6 * b) }
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
    func compare(_ found: [Float], _ expected: ArraySlice<Float>, _ what: String) {
      for (a, b) in zip(found, expected) {
        #expect(abs(a - b) <= absolute + relative * abs(b), "\(what) of \(steps)")
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

private func temporaryConfig(_ text: String) throws -> ModelConfig {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let path = folder.appending(path: "scheduler_config.json").path
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  defer { try? FileManager.default.removeItem(at: folder) }
  return try ModelConfig(path)
}

/// The failure of making a scheduler, without the folder of the file it names.
private func refusal(_ text: String, override name: String? = nil, steps: Int = 20) throws -> String
{
  let config = try temporaryConfig(text)
  do {
    _ = try makeScheduler(config: config, override: name, steps: steps)
    return "none"
  } catch let failure as Failure {
    let folder = config.path.dropLast("scheduler_config.json".count)
    return failure.description.replacing(String(folder), with: "")
  }
}

@Test func `unsupported options are refused by name`() throws {
  let dpm = "\"_class_name\": \"DPMSolverMultistepScheduler\""
  let file = "scheduler_config.json"
  #expect(
    try refusal("{\"_class_name\": \"PNDMScheduler\"}")
      == "\(file): _class_name: expected one of DPMSolverMultistepScheduler, DDIMScheduler, "
      + "EulerDiscreteScheduler, DDPMScheduler, found PNDMScheduler; --scheduler takes another")
  #expect(
    try refusal("{\(dpm), \"algorithm_type\": \"sde-dpmsolver++\"}")
      == "\(file): algorithm_type: expected dpmsolver++, found sde-dpmsolver++")
  #expect(
    try refusal("{\(dpm), \"solver_order\": 4}")
      == "\(file): solver_order: expected 1, 2 or 3, found 4")
  #expect(
    try refusal("{\(dpm), \"beta_schedule\": \"squaredcos_cap_v2\"}")
      == "\(file): beta_schedule: expected linear or scaled_linear, found squaredcos_cap_v2")
  #expect(
    try refusal("{\(dpm), \"beta_end\": 1.5}")
      == "\(file): expected 0 < beta_start <= beta_end < 1, found 0.0001 and 1.5")
  #expect(
    try refusal("{\(dpm), \"lambda_min_clipped\": -5.1}")
      == "\(file): lambda_min_clipped: expected -Infinity, found -5.1")
  #expect(
    try refusal("{\(dpm), \"lambda_min_clipped\": Infinity}")
      == "\(file): lambda_min_clipped: expected -Infinity, found Infinity")
  for key in ["use_lu_lambdas", "use_flow_sigmas", "rescale_betas_zero_snr"] {
    #expect(
      try refusal("{\(dpm), \"\(key)\": true}")
        == "\(file): \(key): expected null or false, found true")
  }
  #expect(
    try refusal("{\(dpm), \"trained_betas\": [0.1, 0.2]}")
      == "\(file): trained_betas: expected null or false, found [0.1,0.2]")
  #expect(
    try refusal("{\(dpm), \"steps_offset\": 1000}")
      == "\(file): steps_offset: expected 0 ... 999, found 1000")
  #expect(
    try refusal("{\"_class_name\": \"EulerDiscreteScheduler\", \"prediction_type\": \"sample\"}")
      == "\(file): prediction_type: expected epsilon or v_prediction, found sample")
  #expect(
    try refusal("{\"_class_name\": \"DDPMScheduler\", \"variance_type\": \"learned_range\"}")
      == "\(file): variance_type: expected fixed_small or fixed_small_log or fixed_large, "
      + "found learned_range")
  #expect(
    try refusal("{\"_class_name\": \"DDIMScheduler\", \"steps_offset\": 1}", steps: 1000)
      == "\(file): steps_offset: expected timesteps below 1000, found 1000")
}

/// A word in the file that names nothing is refused, never taken for the default.
@Test(arguments: SchedulerName.allCases)
func `unknown words are refused by key`(_ name: SchedulerName) throws {
  let spacing = "linspace or leading or trailing"
  let variance = "fixed_small or fixed_small_log or fixed_large"
  let own: [(key: String, expected: String)] =
    switch name {
    case .dpmSolver:
      [
        ("algorithm_type", "dpmsolver++"), ("solver_type", "midpoint or heun"),
        ("final_sigmas_type", "zero or sigma_min"),
        ("variance_type", "\(variance) or fixed_large_log"),
        ("prediction_type", "epsilon or v_prediction or sample"),
      ]
    case .ddim: [("prediction_type", "epsilon or v_prediction or sample")]
    case .euler:
      [
        ("prediction_type", "epsilon or v_prediction"), ("interpolation_type", "linear"),
        ("timestep_type", "discrete"), ("final_sigmas_type", "zero or sigma_min"),
      ]
    case .ddpm:
      [("prediction_type", "epsilon or v_prediction or sample"), ("variance_type", variance)]
    }
  let all = own + [("beta_schedule", "linear or scaled_linear"), ("timestep_spacing", spacing)]
  for (key, expected) in all {
    for (value, line) in [
      ("\"lineer\"", "expected \(expected), found lineer"),
      ("\"\"", "expected \(expected), found "), ("[1, {}]", "expected a string, found [1,{}]"),
    ] {
      #expect(
        try refusal("{\"\(key)\": \(value)}", override: name.rawValue)
          == "scheduler_config.json: \(key): \(line)")
    }
    // Absent and null are the class's default.
    #expect(try refusal("{\"\(key)\": null}", override: name.rawValue) == "none")
  }
  // Also where Karras' levels take the place of spaced ones.
  if name == .dpmSolver || name == .euler {
    #expect(
      try refusal(
        #"{"use_karras_sigmas": true, "timestep_spacing": "x"}"#, override: name.rawValue)
        == "scheduler_config.json: timestep_spacing: expected \(spacing), found x")
  }
}

@Test func `step counts are checked`() throws {
  let dpm = "{\"_class_name\": \"DPMSolverMultistepScheduler\"}"
  #expect(try refusal(dpm, steps: 0) == "steps: expected 1 ... 1000, found 0")
  #expect(try refusal(dpm, steps: 1001) == "steps: expected 1 ... 1000, found 1001")
  let short = "{\"_class_name\": \"DDPMScheduler\", \"num_train_timesteps\": 50}"
  #expect(try refusal(short, steps: 51) == "steps: expected 1 ... 50, found 51")
  // Rounding 1001 numbers to 0 ... 999 meets one timestep twice, which the second order cannot
  // divide by.
  #expect(try refusal(dpm, steps: 1000).contains("1000 steps are too many"))
  #expect(try refusal(dpm, steps: 999) == "none")
}

/// Every count gives as many finite, falling timesteps as asked for, in all four schedulers.
@Test(arguments: SchedulerName.allCases)
func `any number of steps works`(_ name: SchedulerName) throws {
  for spacing in ["linspace", "leading", "trailing"] {
    let config = try temporaryConfig("{\"timestep_spacing\": \"\(spacing)\"}")
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
  #expect(throws: Failure("scheduler lcm: expected one of dpmsolver++, ddim, euler, ddpm")) {
    try makeScheduler(config: config, override: "lcm", steps: 10)
  }
}

/// An override never clips latents because its class would clip pixels by default.
@Test func `override does not clip`() throws {
  let path = References.path("schedulers/dpm-linspace/scheduler_config.json")
  let config = try ModelConfig(path)
  for name in ["ddim", "ddpm"] {
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
