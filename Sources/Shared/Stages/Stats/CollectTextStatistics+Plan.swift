import Calibration
import Layers
import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

extension CollectTextStatistics {
  /// What the run will read, write and take: the first block is run.
  ///
  /// - Throws: `Failure` for what the run itself would refuse when it opens its inputs.
  package func plan() throws -> RunPlan {
    let (_, _, part) = try FloatModel.textEncoder(part, of: model, folderOptions, text)
    let encoder = try part.open(part.weights())
    var plan = plan(encoder, part)
    let tokenize = try part.openTokenizer()
    let texts = try promptShard(of: prompts.count, skip: skip, limit: limit).flatMap { number in
      try CalibrationTexts.texts(of: number, in: prompts, tokenize: tokenize).map(TextBatch.init)
    }
    let collector = StatisticsCollector(tokensPerSample: .max, steps: 0, resumed: [])
    let reading = try encoder.plannedSeconds(texts, observer: collector)
    let adding = timed { collector.finishPrompt() } * Double(encoder.blockCount)
    plan.takes("\(encoder.blockCount) blocks on \(texts.count) texts", reading + adding)
    return plan
  }

  /// What is certain of the run of `encoder`.
  func plan(_ encoder: any TextEncoder, _ part: TextPart) -> RunPlan {
    var plan = RunPlan()
    plan.reads(part.encoder, bytes: fileSize(part.encoder), "")
    plan.writes(output, bytes: encoder.linears.statisticsBytes(steps: 0), "")
    let blocks = Dictionary(grouping: encoder.linears, by: \.role.block)
    plan.holds(blocks.values.map { $0.statisticsBytes(steps: 0) }.max() ?? 0)
    return plan
  }
}
