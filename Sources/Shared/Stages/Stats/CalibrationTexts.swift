import Models

/// What a text encoder is calibrated on.
///
/// Prompts of the user's are alike in length. What sampling gives an encoder beside them is the
/// empty prompt; and texts of one word and of all tokens that it reads show it what short and long
/// prompts will.
enum CalibrationTexts {
  /// Of so many prompts one is drawn out.
  private static let lengthening = 8

  /// The texts of prompt `number` of `prompts`: what any share of the prompts contributes does not
  /// depend on how they are shared out.
  ///
  /// - Parameters:
  ///   - number: of the prompt; the first one brings the empty prompt, every eighth one a text of
  ///     itself and those after it, as long as the encoder reads.
  ///   - prompts: all of them.
  ///   - tokenize: what the encoder reads of a text.
  /// - Returns: what it reads of each.
  static func texts(
    of number: Int, in prompts: [String], tokenize: (String) throws -> Tokens
  ) rethrows -> [Tokens] {
    let prompt = prompts[number]
    var texts = [prompt]
    if let word = prompt.split(separator: " ").first, word.count < prompt.count {
      texts.append(String(word))
    }
    if number == 0 { texts.append("") }
    var tokens = try texts.map(tokenize)
    if number % lengthening == 0 {
      var long = prompt
      var read = try tokenize(long)
      // An end in sight also for prompts that read as nothing.
      for next in 1..<256 where read.unread.isEmpty {
        long += ", " + prompts[(number + next) % prompts.count]
        read = try tokenize(long)
      }
      tokens.append(read)
    }
    return tokens
  }
}
