import Kernels
import Layers
import Streams
import Tensors

/// One vector for a whole prompt: the mean of T5's states asks all of them, in one attention,
/// padding included (diffusers' `HunyuanDiTAttentionPool`).
struct HunyuanPooler: Sendable {
  private static let name = "time_extra_emb.pooler"
  private let heads = HunyuanConfig.poolerHeads
  private let toQuery: Linear
  private let toKey: Linear
  private let toValue: Linear
  private let project: Linear
  /// [1 + tokens][channels], of the mean and of each token.
  private let positions: ParameterTable

  init(config: HunyuanConfig, parts: TransformerParts) throws {
    let (width, name) = (config.t5Width, HunyuanPooler.name)
    func linear(
      _ part: String, site: String? = nil, rows: LayerRole.Rows, outputs: Int
    ) throws -> Linear {
      let role = LayerRole(
        "\(name).\(part)", site: site.map { "\(name).\($0)" }, kind: .conditioning, rows: rows)
      return try parts.makeLinear(role, width, outputs)
    }
    toQuery = try linear("q_proj", rows: .samples, outputs: width)
    toKey = try linear("k_proj", site: "kv", rows: .text, outputs: width)
    toValue = try linear("v_proj", site: "kv", rows: .text, outputs: width)
    project = try linear("c_proj", rows: .samples, outputs: config.pooledWidth)
    positions = try ParameterTable(
      "\(name).positional_embedding", rows: config.t5Length + 1, columns: width,
      from: parts.weights)
  }

  var linears: [Linear] { [toQuery, toKey, toValue, project] }

  /// Pools T5's states [samples * tokens][channels].
  ///
  /// - Returns: [samples][pooled channels].
  func callAsFunction(_ states: Matrix, on direct: Direct) -> Matrix {
    let (samples, width) = (direct.samples, states.columns)
    let tokens = states.rows / samples
    // [mean | states] of each sample.
    let all = Matrix(rows: samples * (tokens + 1), columns: width)
    for sample in 0..<samples {
      let (mean, first) = (all.row(sample * (tokens + 1)), states.row(sample * tokens))
      for c in 0..<width {
        var sum = 0.0
        for token in 0..<tokens { sum += Double(first[token * width + c]) }
        mean[c] = Float(sum / Double(tokens))
      }
      (mean + width).update(from: first, count: tokens * width)
    }
    all.add(toEachSample: positions.values)
    let means = Matrix(rows: samples, columns: width)
    for sample in 0..<samples {
      means.row(sample).update(from: all.row(sample * (tokens + 1)), count: width)
    }
    let q = direct.project(toQuery, means)
    let kv = direct.project([toKey, toValue], .value(all))
    let scale = Float(1 / (Double(width) / Double(heads)).squareRoot())
    let mixed = direct.attention(
      q, kv[0], kv[1], heads: heads, scale: scale, keyBias: nil)
    let pooled = direct.project(project, mixed)
    direct.show(HunyuanPooler.name, pooled)
    return pooled
  }
}
