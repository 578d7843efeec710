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
  let another = "; --scheduler takes another"
  #expect(
    try refusal("{\"_class_name\": \"PNDMScheduler\"}")
      == "\(file): _class_name: expected one of DPMSolverMultistepScheduler, DDIMScheduler, "
      + "EulerDiscreteScheduler, DDPMScheduler, UniPCMultistepScheduler, LCMScheduler, "
      + "found PNDMScheduler\(another)")
  #expect(
    try refusal("{\(dpm), \"algorithm_type\": \"sde-dpmsolver++\"}")
      == "\(file): algorithm_type: expected dpmsolver++, found sde-dpmsolver++\(another)")
  #expect(
    try refusal("{\(dpm), \"solver_order\": 4}")
      == "\(file): solver_order: expected 1, 2 or 3, found 4\(another)")
  #expect(
    try refusal("{\(dpm), \"beta_schedule\": \"squaredcos_cap_v2\"}")
      == "\(file): beta_schedule: expected linear or scaled_linear, found squaredcos_cap_v2")
  #expect(
    try refusal("{\(dpm), \"beta_end\": 1.5}")
      == "\(file): expected 0 < beta_start <= beta_end < 1, found 0.0001 and 1.5")
  #expect(
    try refusal("{\(dpm), \"lambda_min_clipped\": -5.1}")
      == "\(file): lambda_min_clipped: expected -Infinity, found -5.1\(another)")
  #expect(
    try refusal("{\(dpm), \"lambda_min_clipped\": Infinity}")
      == "\(file): lambda_min_clipped: expected -Infinity, found Infinity\(another)")
  for key in ["use_lu_lambdas", "use_flow_sigmas"] {
    #expect(
      try refusal("{\(dpm), \"\(key)\": true}")
        == "\(file): \(key): expected null or false, found true\(another)")
  }
  #expect(
    try refusal("{\(dpm), \"trained_betas\": [0.1, 0.2]}")
      == "\(file): trained_betas: expected null or false, found [0.1,0.2]")
  #expect(
    try refusal("{\(dpm), \"steps_offset\": 1000}")
      == "\(file): steps_offset: expected 0 ... 999, found 1000\(another)")
  #expect(
    try refusal("{\"_class_name\": \"EulerDiscreteScheduler\", \"prediction_type\": \"sample\"}")
      == "\(file): prediction_type: expected epsilon or v_prediction, found sample\(another)")
  #expect(
    try refusal("{\"_class_name\": \"DDPMScheduler\", \"variance_type\": \"learned_range\"}")
      == "\(file): variance_type: expected fixed_small or fixed_small_log or fixed_large, "
      + "found learned_range\(another)")
  #expect(
    try refusal("{\"_class_name\": \"DDIMScheduler\", \"steps_offset\": 1}", steps: 1000)
      == "\(file): steps_offset: expected timesteps below 1000, found 1000\(another)")
}

@Test func `options of UniPC and LCM that are not computed are refused by name`() throws {
  let unipc = "\"_class_name\": \"UniPCMultistepScheduler\""
  let file = "scheduler_config.json"
  let another = "; --scheduler takes another"
  for key in [
    "thresholding", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas",
    "use_dynamic_shifting",
  ] {
    #expect(
      try refusal("{\(unipc), \"\(key)\": true}")
        == "\(file): \(key): expected null or false, found true\(another)")
  }
  for key in ["sigma_min", "sigma_max", "shift_terminal"] {
    #expect(
      try refusal("{\(unipc), \"\(key)\": 0.5}")
        == "\(file): \(key): expected null or false, found 0.5\(another)")
  }
  #expect(
    try refusal("{\(unipc), \"solver_p\": [\"diffusers\", \"DDIMScheduler\"]}").contains("solver_p")
  )
  #expect(
    try refusal("{\(unipc), \"prediction_type\": \"flow_prediction\"}")
      == "\(file): prediction_type: expected epsilon or v_prediction or sample, "
      + "found flow_prediction\(another)")
  #expect(
    try refusal("{\(unipc), \"solver_order\": 4}")
      == "\(file): solver_order: expected 1, 2 or 3, found 4\(another)")
  #expect(
    try refusal("{\(unipc), \"disable_corrector\": [0.5]}")
      == "\(file): disable_corrector: expected a list of whole numbers, found [0.5]\(another)")
  // What makes NaN in the library: an infinite last step with anything but the first order of bh2.
  for option in [
    "\"solver_type\": \"bh1\"", "\"predict_x0\": false", "\"lower_order_final\": false",
  ] {
    #expect(
      try refusal("{\(unipc), \(option)}")
        == "\(file): final_sigmas_type: expected sigma_min with solver_type bh1, "
        + "with predict_x0 false and with lower_order_final false, found zero\(another)")
    #expect(try refusal("{\(unipc), \(option), \"final_sigmas_type\": \"sigma_min\"}") == "none")
  }
  let first = "{\(unipc), \"lower_order_final\": false, \"solver_order\": 1}"
  #expect(try refusal(first) == "none")
  // And a third order that ends on a step of no length.
  let karras =
    "\"use_karras_sigmas\": true, \"final_sigmas_type\": \"sigma_min\", \"solver_order\": 3"
  #expect(try refusal("{\(unipc), \(karras)}") == "none")
  #expect(
    try refusal("{\(unipc), \(karras), \"lower_order_final\": false}").contains("found two equal"))

  let lcm = "\"_class_name\": \"LCMScheduler\""
  #expect(
    try refusal("{\(lcm)}", steps: 51)
      == "\(file): original_inference_steps: expected at least the steps, 51, found 50\(another)")
  #expect(try refusal("{\(lcm)}", steps: 50) == "none")
  #expect(
    try refusal("{\(lcm), \"original_inference_steps\": 1001}")
      == "\(file): original_inference_steps: expected 1 ... 1000, found 1001\(another)")
  #expect(
    try refusal("{\(lcm), \"timestep_scaling\": Infinity}").contains("timestep_scaling: expected a")
  )
}

/// Without any signal left a model of the noise says nothing of the picture.
///
/// The library divides by 0 there. The classes of noise levels leave 2^-24, and leading timesteps
/// stop before the last.
@Test func `noise is not predicted where there is no signal`() throws {
  let zero = #""rescale_betas_zero_snr": true"#
  let line =
    "scheduler_config.json: prediction_type: expected v_prediction or sample at a timestep "
    + "without signal (rescale_betas_zero_snr), found epsilon"
  for name in ["ddim", "ddpm", "lcm"] {
    #expect(
      try refusal("{\(zero), \"timestep_spacing\": \"trailing\"}", override: name) == line)
    for prediction in ["v_prediction", "sample"] {
      let text =
        "{\(zero), \"timestep_spacing\": \"trailing\", \"prediction_type\": \"\(prediction)\"}"
      #expect(try refusal(text, override: name) == "none")
    }
  }
  #expect(
    try refusal("{\"_class_name\": \"LCMScheduler\", \(zero)}")
      == line + "; --scheduler takes another")
  for name in ["ddim", "ddpm"] { #expect(try refusal("{\(zero)}", override: name) == "none") }
  for name in ["euler", "dpmsolver++", "unipc"] {
    #expect(
      try refusal("{\(zero), \"timestep_spacing\": \"trailing\"}", override: name) == "none")
  }
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
        ("algorithm_type", "dpmsolver++"),
        ("solver_type", "midpoint or heun or logrho or bh1 or bh2"),
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
    case .unipc:
      [
        ("solver_type", "bh1 or bh2 or midpoint or heun or logrho"),
        ("final_sigmas_type", "zero or sigma_min"),
        ("prediction_type", "epsilon or v_prediction or sample"),
      ]
    case .lcm: [("prediction_type", "epsilon or v_prediction or sample")]
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
  if [.dpmSolver, .euler, .unipc].contains(name) {
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

/// Every count gives as many finite, falling timesteps as asked for, in all schedulers.
@Test(arguments: SchedulerName.allCases)
func `any number of steps works`(_ name: SchedulerName) throws {
  for spacing in ["linspace", "leading", "trailing"] {
    let config = try temporaryConfig(
      #"{"timestep_spacing": "\#(spacing)", "original_inference_steps": 1000}"#)
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
  let short = try temporaryConfig("{\"_class_name\": \"\(className)\"}")
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
