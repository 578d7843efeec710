import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

/// Inputs of the float transformer on its own trajectories: a fixed pseudo-random subset of
/// (prompt, step, half of guidance).
///
/// A statistics file holds prompts, seeds and settings, from which its run can be made again. What
/// is kept here is what the network reads, small beside the hidden states that blocks read: those
/// are computed from it, for the float network or for one with a rounded prefix.
package struct CalibrationSamples: Sendable {
  package struct Sample: Sendable {
    /// The prompt's number in the prompt file.
    package let prompt: Int
    package let step: Int
    /// False for the half of guidance that reads the negative prompt.
    package let isConditional: Bool
    package let timestep: Float
    /// Of one sample, as the transformer reads them.
    package let latents: Latents
    /// Which of `texts` it reads.
    package let text: Int
  }

  /// In ascending order of prompt, step and half.
  package let samples: [Sample]
  /// The distinct prompts, with guidance the negative one first.
  package let texts: [EncodedPrompt]
  package let conditions: SizeConditions?

  /// Runs the float model's sampler on the prompts of `statistics` again.
  ///
  /// - Parameters:
  ///   - source: the float model that the statistics were taken of.
  ///   - statistics: whose prompts, seeds and settings.
  ///   - count: how many samples to keep; all when there are fewer.
  ///   - text: where the text states come from; the length of prompts is that of the statistics.
  /// - Throws: `Failure` for a model that cannot run, or a file without prompts.
  package init(
    of source: TransformerSource, statistics: StatisticsFile, count: Int,
    text: TextOptions = TextOptions()
  ) throws {
    guard case .sampling(let settings) = statistics.run else {
      throw Failure(statistics.path, "expected statistics of a run of the sampler, found none")
    }
    let numbers = statistics.prompts.keys.sorted()
    guard !numbers.isEmpty else {
      throw Failure(statistics.path, "expected the prompts of its run, found none")
    }
    var sampling = SamplingOptions()
    sampling.steps = settings.steps
    sampling.guidanceScale = Float(settings.guidanceScale)
    sampling.guidanceRescale = Float(settings.guidanceRescale)
    sampling.negativePrompt = settings.negativePrompt
    // The size that was sampled, after any binning.
    (sampling.width, sampling.height) = (settings.width, settings.height)
    sampling.usesResolutionBinning = false
    let own = try source.folder.config("scheduler", file: "scheduler_config.json")
      .string("_class_name")
    sampling.scheduler = settings.scheduler == own ? nil : settings.scheduler
    let pipeline = try TextToImage(source, options: sampling)

    let halves = pipeline.isGuided ? [false, true] : [true]
    let perPrompt = settings.steps * halves.count
    var random = SplitMix64(state: 0)
    let chosen = random.choose(count, of: Array(0..<(numbers.count * perPrompt))).sorted()
    // By the prompt's number.
    let wanted = Dictionary(grouping: chosen) { numbers[$0 / perPrompt] }
    let requests = try wanted.keys.sorted().map { number in
      guard let prompt = statistics.prompts[number] else {
        throw Failure(statistics.path, "expected prompt \(number), found none")
      }
      return SamplingRequest(
        number: number, prompt: prompt, seed: settings.seed &+ UInt64(number))
    }
    var text = text
    text.promptLength = settings.promptLength
    text.cleansCaptions = settings.cleansCaptions
    let run = try SamplingRun(requests, of: source, through: pipeline, text: text)
    var samples: [Sample] = []
    var steps: [DenoisingStep] = []
    let progress = Progress("samples", total: requests.count * settings.steps, unit: "steps")
    try run.forEach(
      willStart: { _, step in
        if let step { steps.append(step) } else { steps = [] }
        if let step, step.index > 0 { progress.advance() }
      },
      didFinish: { picture in
        let number = picture.request.number
        let texts = try halves.map {
          try run.place(of: $0 ? picture.request.prompt : settings.negativePrompt)
        }
        for index in wanted[number, default: []] {
          let (step, half) = (index % perPrompt / halves.count, index % halves.count)
          samples.append(
            Sample(
              prompt: number, step: step, isConditional: halves[half],
              timestep: steps[step].timestep, latents: steps[step].latents, text: texts[half]))
        }
        progress.advance()
      })
    progress.finish()
    self.samples = samples
    texts = run.encodedPrompts
    conditions = pipeline.conditions
  }
}
