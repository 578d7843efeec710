/// What is replaced in a caption, in this order: the regular expressions of `_clean_caption` in
/// diffusers, whose effect the models have seen in their training.
enum CaptionPatterns {
  struct Step {
    let pattern: PythonPattern
    let replacement: String

    init(_ pattern: String, _ replacement: String = "") {
      self.pattern = PythonPattern(pattern)
      self.replacement = replacement
    }
  }

  /// Before HTML is read: a tag that stands for a name, and addresses on the web.
  static let addresses: [Step] = {
    let host = #"[a-zA-Z0-9.\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\w/\-]*\b/?(?!@)"#
    return [
      Step("<person>", "person"),
      Step(#"\b(?:https?:(?:/{1,3}|[a-zA-Z0-9%])|"# + host + ")"),
      Step(#"\b(?:www:(?:/{1,3}|[a-zA-Z0-9%])|"# + host + ")"),
    ]
  }()

  /// Afterwards: signs, numbers and names that say nothing about the picture.
  static let punctuation: [Step] = [
    Step(#"@[\w\d]+\b"#),
    // Strokes, Katakana extensions, enclosed letters, compatibility, extension A, hexagrams and
    // the ideographs themselves, as adjoining blocks.
    Step(#"[\u31C0-\u31FF\u3200-\u4DFF\u4E00-\u9FFF]+"#),
    Step(
      #"[\u002D\u058A\u05BE\u1400\u1806\u2010-\u2015\u2E17\u2E1A\u2E3A\u2E3B\u2E40\u301C\u3030"#
        + #"\u30A0\uFE31\uFE32\uFE58\uFE63\uFF0D]+"#, "-"),
    Step("[`´«»“”¨]", "\""), Step("[‘’]", "'"),
    Step("&quot;?"), Step("&amp"),
    // Internet addresses; times at the end; line breaks that are spelled out.
    Step(#"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"#, " "), Step(#"\d:\d\d\s+$"#), Step(#"\\n"#, " "),
    // Numbers of articles, but for four digits after #, which can be a year.
    Step(#"#\d{1,3}\b"#), Step(#"#\d{5,}\b"#), Step(#"\b\d{6,}\b"#),
    Step(#"[\S]+\.(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)"#),
    Step(#"["']{2,}"#, "\""), Step(#"[.]{2,}"#, " "),
    Step(#"[#®•©™\&@·º½¾¿¡§~)(\]\[}{|\\/*]{1,}"#, " "), Step(#"\s+\.\s+"#, " "),
  ]

  /// What joins the words of a-name-of-many-parts.
  static let joint = PythonPattern("[-_]")

  /// In the end, in repaired text: codes of articles, what shops say, sizes, and loose punctuation.
  static let phrases: [Step] = [
    Step(#"\b[a-zA-Z]{1,3}\d{3,15}\b"#), Step(#"\b[a-zA-Z]+\d+[a-zA-Z]+\b"#),
    Step(#"\b\d+[a-zA-Z]+\d+\b"#),
    Step(#"(worldwide\s+)?(free\s+)?shipping"#), Step(#"(free\s)?download(\sfree)?"#),
    Step(#"\bclick\b\s(?:for|on)\s\w+"#),
    Step(#"\b(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)(\simage[s]?)?"#), Step(#"\bpage\s+\d+\b"#),
    Step(#"\b\d*[a-zA-Z]+\d+[a-zA-Z]+\d+[a-zA-Z\d]*\b"#, " "),
    // The second sign of multiplication is a Cyrillic letter.
    Step(#"\b\d+\.?\d*[x\u0445×]\d+\.?\d*\b"#),
    Step(#"\b\s+:\s+"#, ": "), Step(#"(\D[,./])\b"#, "$1 "), Step(#"\s+"#, " "),
    Step(#"^["']([\w\W]+)["']$"#, "$1"), Step(#"^['_,\-:;]"#), Step(#"['_,\-:+]$"#),
    Step(#"^\.\S+$"#),
  ]
}

extension [CaptionPatterns.Step] {
  func applied(to text: String) -> String {
    reduce(text) { $1.pattern.replacing(in: $0, with: $1.replacement) }
  }
}
