import Formats
import Gradients
import Tensors
import Testing

/// The rounding of inputs on a tape: the values of the packed layers' quantizer, the gradient
/// passed through.
@Suite struct QuantizeTests {
  @Test(arguments: ["e2m3", "e3m4", "int8", "e2m3:token", "e4m3:token"])
  func `values are of the format and the gradient passes`(name: String) throws {
    let activation = try #require(try ActivationFormat.parse(name))
    let (tokens, inputs, groupSize) = (5, 50, 32)
    let x = Variable(point(tokens, inputs, seed: 1), wantsGradient: true)
    let tape = Tape()
    let y = tape.quantize(x, to: activation, groupSize: groupSize)
    let span = activation.granularity == .token ? inputs : groupSize
    let top = Float(activation.format.maxCode)
    for token in 0..<tokens {
      for first in stride(from: 0, to: inputs, by: span) {
        let columns = first..<min(first + span, inputs)
        let values = columns.map { x.value.row(token)[$0] }
        let scale = (values.map(abs).max() ?? 0) / top
        for (column, value) in zip(columns, values) {
          let distances = activation.format.codebook.map { abs(Float($0) * scale - value) }
          let least = distances.min() ?? 0
          let found = y.value.row(token)[column]
          // One rounding of x / scale may decide between two neighbours that are equally near.
          #expect(abs(found - value) <= least + 2 * Float.ulpOfOne * abs(value), "\(name) \(value)")
          #expect(found == 0 || (found < 0) == (value < 0))
        }
      }
    }
    let dy = point(tokens, inputs, seed: 2)
    tape.backward(from: y, gradient: dy)
    #expect(x.gradient?.matrix?.values == dy.values)
  }
}
