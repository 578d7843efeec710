import Layers
import Models
import Platform
import Sampling
import Tensors

/// What a picture will take, from a few pieces of the work at their true size.
extension TextToImage {
  /// Seconds of one step: a block of each kind on all tokens and both halves of guidance, and what
  /// is done before and after the blocks.
  ///
  /// - Parameters:
  ///   - tokens: of a prompt, where a family leaves padding out.
  ///   - observer: sees what it will see at every step.
  /// - Returns: seconds, weights read from their file before.
  package func stepSeconds(tokens: Int, observer: (any LayerObserver)? = nil) -> Double {
    let samples = isGuided ? 2 : 1
    let latents = initialLatents(TorchGenerator(seed: 0))
    let prompt = anyPrompt(tokens: tokens)
    let text = transformer.projectText(Array(repeating: prompt, count: samples), observer: nil)
    let direct = Direct(samples: samples, observer: observer)
    func inputs() -> BlockInputs {
      transformer.blockInputs(
        latents.repeated(samples), timesteps: Array(repeating: 500, count: samples),
        pooledText: text.pooled, conditions: conditions, on: direct)
    }
    let given = inputs()
    var seconds = timed { _ = transformer.output(of: inputs().hidden, given, on: direct) }
    for kind in Dictionary(grouping: transformer.blocks, by: { $0.skipSource != nil }).values {
      let block = kind[0]
      let read = block.readText(text.states, valid: text.valid, bias: text.bias, on: direct)
      func run() -> Double {
        // A block may compute in place of what it reads.
        let x = inputs().hidden
        return timed {
          _ = block(
            x,
            BlockContext(
              conditioning: given.conditioning, text: read, positions: given.positions,
              skip: block.skipSource.map { _ in given.hidden }),
            on: direct)
        }
      }
      _ = run()
      seconds += Double(kind.count) * run()
    }
    return seconds
  }

  /// Shows `observer` what it will see at every step, on the smallest picture there can be.
  package func runOnce(observer: any LayerObserver) {
    let (channels, side) = (latentShape[0], transformer.patchSize)
    let latents = Latents(
      channels: channels, height: side, width: side,
      values: Array(repeating: 0, count: channels * side * side))
    _ = transformer.forward(
      latents, timesteps: [500], text: transformer.prepareText([anyPrompt(tokens: 1)]),
      conditions: conditions, observer: observer)
  }

  /// A prompt of random states, of so many tokens where a family leaves padding out.
  private func anyPrompt(tokens: Int) -> EncodedPrompt {
    let generator = TorchGenerator(seed: 1)
    return EncodedPrompt(
      prompt: "",
      texts: transformer.textInputs.map { input in
        let rows = input.tokens ?? tokens
        return EncodedText(
          states: Matrix(
            rows: rows, columns: input.channels, values: generator.randn(rows * input.channels)),
          mask: Array(repeating: true, count: rows))
      })
  }

  /// Seconds of decoding a picture: a part that grows with its area, and attention, which grows with
  /// the square of it, from two small pictures.
  package func decodeSeconds() throws -> Double {
    let shape = latentShape
    func seconds(_ height: Int, _ width: Int) throws -> Double {
      let latents = Latents(
        channels: shape[0], height: height, width: width,
        values: Array(repeating: 0.1, count: shape[0] * height * width))
      _ = try decodePixels(latents)
      return try timed { _ = try decodePixels(latents) }
    }
    let area = Double(shape[1] * shape[2])
    let (small, large) = (Double(16 * 16), Double(40 * 40))
    guard area > large else { return try seconds(shape[1], shape[2]) }
    let (a, b) = (try seconds(16, 16), try seconds(40, 40))
    let square = max(0, (b / large - a / small) / (large - small))
    let linear = b / large - square * large
    return linear * area + square * area * area
  }
}
