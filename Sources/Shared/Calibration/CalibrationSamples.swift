import Models
import Pipeline
import Platform
import Sampling
import Tensors

/// Inputs of the float transformer on its own trajectories: a fixed pseudo-random subset of (prompt, step, half of guidance).
///
/// A statistics file holds prompts, seeds and settings, from which its run can be made again. What is kept here is what the network reads,
/// small beside the hidden states that blocks read: those are computed from it, for the float network or for one with a rounded prefix.
package struct CalibrationSamples: Sendable {
  package struct Sample: Sendable {
    /// The prompt's number in the prompt file.
    package let prompt: Int
    package let step: Int
    /// False for the half of guidance that reads the negative prompt.
    package let isConditional: Bool
    package let timestep: Float
    /// [channels][height][width], as the transformer reads them.
    package let latents: [Float]
    /// Which of `texts` it reads.
    package let text: Int
  }

  /// In ascending order of prompt, step and half.
  package let samples: [Sample]
  /// The distinct prompts, the negative one first.
  package let texts: [PromptStates]
  /// Of the latents.
  package let height: Int
  package let width: Int
  package let conditions: SizeConditions?

  /// Runs the float model's sampler on the prompts of `statistics` again.
  ///
  /// - Parameters:
  ///   - source: the float model that the statistics were taken of.
  ///   - statistics: whose prompts, seeds and settings.
  ///   - count: how many samples to keep; all when there are fewer.
  /// - Throws: `Failure` for a model that cannot run, or a file without prompts.
  package init(of source: TransformerSource, statistics: StatisticsFile, count: Int) throws {
    let settings = statistics.settings
    let numbers = statistics.prompts.keys.sorted()
    guard !numbers.isEmpty else {
      throw Failure(statistics.path, "expected the prompts of its run, found none")
    }
    var sampling = SamplingOptions()
    sampling.steps = settings.steps
    sampling.guidanceScale = Float(settings.guidanceScale)
    sampling.negativePrompt = settings.negativePrompt
    // The size that was sampled, after any binning.
    (sampling.width, sampling.height) = (settings.width, settings.height)
    sampling.usesResolutionBinning = false
    let own = try source.folder.config("scheduler", file: "scheduler_config.json")
      .string("_class_name")
    sampling.scheduler = settings.scheduler == own ? nil : settings.scheduler
    let pipeline = try TextToImage(source, options: sampling)

    let halves = sampling.guidanceScale > 1 ? [false, true] : [true]
    let perPrompt = settings.steps * halves.count
    var random = SplitMix64(state: 0)
    let chosen = random.choose(count, of: Array(0..<(numbers.count * perPrompt))).sorted()
    let wanted = Dictionary(grouping: chosen) { $0 / perPrompt }

    let prompts = wanted.keys.sorted().map { statistics.prompts[numbers[$0]] ?? "" }
    let states = try PromptEncoder(source.folder, promptLength: settings.promptLength)
      .encode([settings.negativePrompt] + prompts)
    var texts: [PromptStates] = []
    var places: [String: Int] = [:]
    for prompt in [settings.negativePrompt] + prompts where places[prompt] == nil {
      places[prompt] = texts.count
      if let text = states[prompt] { texts.append(text) }
    }
    var samples: [Sample] = []
    let progress = Progress("samples", total: wanted.count, unit: "prompts")
    for (rank, indices) in wanted.sorted(by: { $0.key < $1.key }) {
      let (number, prompt) = (numbers[rank], statistics.prompts[numbers[rank]] ?? "")
      guard let text = places[prompt], let negative = places[settings.negativePrompt] else {
        continue
      }
      let generator = TorchGenerator(seed: settings.seed &+ UInt64(number))
      _ = try pipeline.denoise(
        latents: pipeline.initialLatents(generator), prompt: texts[text],
        negative: texts[negative], generator: generator
      ) { step in
        guard let step else { return }
        for (half, isConditional) in halves.enumerated()
        where indices.contains(rank * perPrompt + step.index * halves.count + half) {
          samples.append(
            Sample(
              prompt: number, step: step.index, isConditional: isConditional,
              timestep: step.timestep, latents: step.latents, text: isConditional ? text : negative
            ))
        }
      }
      progress.advance()
    }
    progress.finish()
    self.samples = samples
    self.texts = texts
    (height, width) = (pipeline.latentShape[1], pipeline.latentShape[2])
    conditions = pipeline.conditions
  }
}
