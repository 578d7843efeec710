import Kernels
import Tensors

extension Tape {
  /// y = P v with P = softmax(scale q k^T + bias), for every sample and head.
  ///
  /// dv = P^T dy; with dP = dy v^T and dS = scale P (dP - the sum of P dP over the keys): dq = dS
  /// k, dk = dS^T q. P is computed again, a tile of queries at a time, with the bits of the forward
  /// pass: keeping it would take heads * keys floats a query. The tiles of one sample and head add
  /// up in order, on one thread.
  ///
  /// - Parameters:
  ///   - q: [batch * queries][heads * headSize], a head's channels side by side.
  ///   - k: [batch * keys][heads * headSize].
  ///   - v: [batch * keys][heads * headSize].
  ///   - batch: samples.
  ///   - heads: heads in a row.
  ///   - scale: multiplies the logits.
  ///   - keyBias: [batch][keys], added to the scaled logits of every query; nil for none.
  /// - Returns: [batch * queries][heads * headSize].
  package func attention(
    q: Variable, k: Variable, v: Variable, batch: Int, heads: Int, scale: Float,
    keyBias: Matrix? = nil
  ) -> Variable {
    let bias: AttentionWeights.Bias? = keyBias.map { keyBias in
      { sample, _, _ in UnsafePointer(keyBias.row(sample)) }
    }
    let y = Kernels.attention(
      q: q.value, k: k.value, v: v.value, batch: batch, heads: heads, scale: scale, bias: bias)
    let (dq, dk, dv) = (q.gradient, k.gradient, v.gradient)
    let weights = AttentionWeights(
      q: q.value, k: k.value, batch: batch, heads: heads, scale: scale, bias: bias)
    let values = v.value
    return record(y, from: [dq, dk, dv]) { dy in
      let parts = attentionGradients(weights, values: values, dy)
      dq?.add(parts.q)
      dk?.add(parts.k)
      dv?.add(parts.v)
    }
  }
}
