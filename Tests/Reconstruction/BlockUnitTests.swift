import Formats
import Gradients
import Kernels
import Layers
import Models
import Pipeline
import Reconstruction
import Rounding
import Streams
import Tensors
import TestSupport
import Testing

/// What a block's loss and gradients are, and what blocks are fed with.
@Suite struct BlockUnitTests {
  let example: BlockCase

  init() throws { example = try BlockCase.shared() }

  private func prepared(corrected: Bool = true) -> BlockCase.Setting {
    var setting = BlockCase.Setting()
    setting.input.centers = true
    setting.input.smoothing = 0.5
    setting.input.hadamard = 64
    setting.objective.biasCorrection = corrected
    return setting
  }

  /// Before anything is rounded a block is the float block, also in the channels of prepared
  /// inputs.
  @Test func `float weights cost nothing`() throws {
    #expect(try example.unit(2).loss().training == 0)
    let unit = try example.unit(2, prepared())
    let nearest = try BlockCase.round(unit, .nearest)
    // Rounding errors of f32, 2^-24 relative, grow by the square root of some thousand additions;
    // codes of four bits are off by 2^-4.
    #expect(unit.loss(of: nearest).training > 1e-5)
    unit.linears.forEach { linear in
      let weight = linear.task.problem.weight
      linear.weight.pointer.update(from: weight.pointer, count: weight.count)
      linear.updateBias()
    }
    #expect(unit.loss().training < 1e-10)
  }

  /// Every linear's gradients against differences of the loss, by the five-point formula of
  /// GradientCheck.
  ///
  /// By the weight in the prepared channels with the bias that follows it, and by the shift. A
  /// direction is the gradient's signs on a random half of the elements: along random signs the
  /// loss of so many elements has hardly any slope. Weights and steps are whole multiples of 2^-22,
  /// so that every point is exact in f32: weights are two hundred steps, and those of a group that
  /// round alike would round a step alike.
  @Test(arguments: [true, false])
  func `gradients are those of the loss`(corrected: Bool) throws {
    let unit = try example.unit(3, prepared(corrected: corrected))
    _ = unit.loss(of: try BlockCase.round(unit, .nearest))
    let grid: Float = 0x1p22
    for linear in unit.linears {
      let weight = linear.weight
      for i in 0..<weight.count { weight.pointer[i] = (weight.pointer[i] * grid).rounded() / grid }
      linear.updateBias()
    }
    let samples = [0, 7, 16, 29]
    // In units of the loss, which is then 1.
    let factor = 1 / unit.loss(over: samples)
    // What the loss of 1 is off by: an output, of sums of up to 1,024 products, by 2^-24
    // sqrt(1,024) of itself as a random walk. It is 54 times what the block loses, whose 65,536
    // squares average that out: 2 * 54 * 2^-19 / 256 = 8e-7.
    let rounding = 8e-7
    unit.differentiate(samples, factor: factor)
    let gradients = unit.linears.map { $0.takeGradients() }
    for (number, (linear, gradient)) in zip(unit.linears, gradients).enumerated() {
      let layer = linear.task.layer
      // The softmax does not see a shift of all logits.
      let variables =
        [(linear.weight, gradient.weight)]
        + (layer.hasSuffix("to_k") ? [] : [(linear.shift, gradient.shift)])
      for (variable, slope) in variables {
        let start = variable.values
        var random = Generator(number)
        let direction = slope.values.map { slope -> Float in
          random.below(2) == 0 ? 0 : slope < 0 ? -1 : 1
        }
        let recorded = zip(slope.values, direction).reduce(0) { $0 + Double($1.0 * $1.1) }
        // To first order the loss moves by a thousandth. By a fiftieth is too far for
        // cross-attention, whose queries and keys have so little slope that the loss then really
        // moves by a fifth, as no polynomial of five points does.
        let step = (0.001 / recorded * Double(grid)).rounded(.up) / Double(grid)
        func loss(_ steps: Double) -> Double {
          for index in start.indices {
            variable.pointer[index] = start[index] + Float(steps * step) * direction[index]
          }
          linear.updateBias()
          return unit.loss(over: samples) * factor
        }
        func derivative(_ h: Double) -> Double {
          (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h * step)
        }
        let (near, far) = (derivative(1), derivative(2))
        _ = loss(0)
        // Truncation, which the longer step has sixteen times, and rounding.
        let tolerance = abs(near - far) + 18 / 12 * rounding / step
        #expect(abs(recorded - near) <= tolerance, "\(layer): \(recorded), \(near)")
        #expect(tolerance <= 0.002 * recorded, "\(layer): too blunt")
      }
    }
  }

  /// A sample's loss does not depend on which others, with prompts of other lengths, run with it.
  @Test func `samples are independent`() throws {
    let unit = try example.unit(1)
    _ = unit.loss(of: try BlockCase.round(unit, .nearest))
    let all = Array(example.samples.samples.indices)
    let apart = all.map { unit.loss(over: [$0]) }.reduce(0, +) / Double(all.count)
    let together = unit.loss(over: all)
    #expect(abs(apart / together - 1) < 1e-4)
    #expect(unit.loss(over: [3, 3]) == unit.loss(over: [3]))
  }

  /// The float stream is the model itself, block by block.
  @Test func `float stream is inference`() throws {
    let streams = SampleStream(example.samples, model: example.model)
    for block in example.model.blocks {
      streams.advance(through: try TapedBlock(block))
    }
    for index in [0, 5, 35] {
      let sample = example.samples.samples[index]
      let text = example.model.prepareText([example.samples.texts[sample.text]])
      let last = LastBlock()
      _ = example.model.forward(
        sample.latents, timesteps: [sample.timestep], text: text, conditions: nil, observer: last)
      let largest = last.output.map(abs).max() ?? 0
      #expect(largestDifference(streams.hidden[index].values, last.output) <= 1e-4 * largest)
    }
  }

  private final class LastBlock: LayerObserver {
    private(set) var output: [Float] = []
    func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?) {}
    func observe(module: String, output: Matrix) {
      if module == "transformer_blocks.5" { self.output = output.values }
    }
  }

  /// What the next block is fed with is off by just what the block before lost; the inputs of its
  /// layers are not rounded on the way, even where they were while it learned.
  @Test(arguments: [nil, "e2m1"])
  func `next block is fed by the rounded one`(activations: String?) throws {
    var setting = prepared()
    setting.activations = try activations.flatMap { try ActivationFormat.parse($0) }
    let streams = SampleStreams(
      float: SampleStream(example.samples, model: example.model),
      rounded: SampleStream(example.samples, model: example.model))
    let block = example.model.blocks[0]
    let sides = try streams.sides(of: block)
    let split = SampleSplit(example.samples.samples)
    let unit = try BlockUnit(
      block, tasks: example.tasks(of: 0, setting), activations: setting.activations,
      inputs: sides.inputs, targets: sides.targets, split: split)
    let lost = unit.loss(of: try BlockCase.round(unit, .nearest)).training
    try streams.pass(unit, targets: sides.targets)
    var (sum, count) = (0.0, 0)
    for index in split.training {
      for (a, b) in zip(sides.inputs.hidden[index].values, sides.targets[index].values) {
        sum += Double(a - b) * Double(a - b)
        count += 1
      }
    }
    let passed = sum / Double(count)
    if activations == nil {
      #expect(abs(passed / lost - 1) < 1e-6)
    } else {
      #expect(passed < 0.5 * lost)
    }
  }

  /// The overlay reads x itself and gives what the packed layer gives from its prepared input.
  @Test func `rounded weights read the input itself`() throws {
    for task in try example.tasks(of: 5, prepared()) {
      let rounded = try Rounding.round(task.problem, options: task.options)
      let transform = try #require(try task.preparation(nil).transform)
      let overlay = try RoundedWeights(
        example.source.weights, layers: [FinishedLayer(task, rounded)])
      let (outputs, inputs) = (task.problem.weight.rows, task.problem.weight.columns)
      let found = try Linear(task.role, inputs: inputs, outputs: outputs, from: overlay)
      let original = try Linear(
        task.role, inputs: inputs, outputs: outputs, from: example.source.weights)
      var random = Generator(1)
      let x = Matrix(rows: 5, columns: inputs, values: random.floats(5 * inputs, range: 3))
      let turned = transform(x)
      let bias = zip(try #require(original.bias), rounded.biasCorrection).map { $0 + $1 }
      let expected = project(turned, weight: rounded.quantized.dequantized(), bias: bias)
      let y = found(x)
      let largest = expected.values.map(abs).max() ?? 0
      #expect(largestDifference(y.values, expected.values) <= 1e-5 * largest)
      // The float layer is farther away.
      #expect(largestDifference(original(x).values, expected.values) > 1e-3 * largest)
    }
  }
}
