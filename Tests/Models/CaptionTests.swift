import Foundation
import Models
import TestSupport
import Testing

/// Odd prompts (addresses, tags, references, mojibake, ...) against diffusers' own `_clean_caption`
/// with ftfy and Beautiful Soup.
@Test func `captions are cleaned as diffusers does`() throws {
  struct Record: Decodable {
    let prompt: String
    let cleaned: String
  }
  let data = try Data(
    contentsOf: URL(fileURLWithPath: References.path("captions/captions.json")))
  let records = try JSONDecoder().decode([Record].self, from: data)
  #expect(records.count > 1000)
  for record in records {
    // Bytes, as strings are equal to other spellings of the same text.
    #expect(
      cleanedPrompt(record.prompt).utf8.elementsEqual(record.cleaned.utf8),
      "\(record.prompt.debugDescription)")
  }
}

// diffusers fails on these prompts, so there is nothing to be equal to: the words are kept. The first
// one's markup is set apart by the first cleaning and is an ordinary declaration in the second.
@Test(arguments: [("a <![foo]> b", "a b"), ("a <![ b", "a <! b")])
func `markup that Beautiful Soup refuses is no error`(_ prompt: String, _ cleaned: String) {
  #expect(cleanedPrompt(prompt) == cleaned)
}

/// Time grows with a prompt's length, not with its square, whatever it consists of: with that, each
/// of these took minutes.
@Test(
  arguments: [
    "a", "a.", "a-", "<", "<a", "<a b=\"", "<!--", "<![cdata[", "</", "<a>x", "</b>", "<br></br>",
    "&", "&#", "&amp", "%", "1", "1x", "a1", "#1", "\"", "'", "@", "Σ.", "http", "a.com@", "a.png",
    ".png", "free ", "download", "a. ", " ", "\\n", "Ã©", "\u{4E2D}", "e\u{301}", "\u{1B}[",
  ])
func `a long prompt`(_ piece: String) {
  let prompt = "b " + String(repeating: piece, count: 100_000 / piece.unicodeScalars.count) + " c"
  let start = ContinuousClock.now
  _ = cleanedPrompt(prompt)
  #expect(ContinuousClock.now - start < .seconds(20))
}
