import Platform
import Sampling
import Tensors
import Testing

/// The failure of making the scheduler that the text describes.
private func refusal(_ text: String, override name: String? = nil, steps: Int = 20) throws -> String
{
  let config = try ModelConfig(text: text, path: "scheduler_config.json")
  do {
    _ = try makeScheduler(config: config, override: name, steps: steps)
    return "none"
  } catch let failure as Failure {
    return failure.description
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
      == "\(file): beta_end: expected 1e-12 ... 1.0, found 1.5")
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
    try refusal("{\(lcm), \"timestep_scaling\": Infinity}").contains(
      "timestep_scaling: expected 0.001 ...")
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
