import Foundation

/// How the PixArt pipelines prepare a prompt with `clean_caption` on, their default where `ftfy` and
/// `beautifulsoup4` are installed: the captions of pictures on the web, with what is not about the
/// picture left out (addresses, names of files, article numbers, Chinese characters, ...).
///
/// Pinned against `_clean_caption` of diffusers' `PixArtAlphaPipeline`, which its pipelines apply
/// twice. *Limitations:* what `htmlText` and `repaired` say; characters that are newer than Python's
/// tables can be letters here and none there.
package func cleanedPrompt(_ prompt: String) -> String {
  cleanedOnce(cleanedOnce(prompt))
}

private func cleanedOnce(_ prompt: String) -> String {
  var text = preparedPrompt(unquoted(prompt))
  text = CaptionPatterns.addresses.applied(to: text)
  text = htmlText(text)
  text = CaptionPatterns.punctuation.applied(to: text)
  if CaptionPatterns.joint.count(in: text) > 3 {
    text = CaptionPatterns.joint.replacing(in: text, with: " ")
  }
  text = repaired(text)
  text = CharacterReferences.unescaped(CharacterReferences.unescaped(text))
  text = CaptionPatterns.phrases.applied(to: text)
  return stripped(text)
}

/// Python's `urllib.parse.unquote_plus`: `+` is a space, and `%` with two hexadecimal digits a byte
/// of UTF-8.
private func unquoted(_ text: String) -> String {
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    switch byte {
    case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
    case UInt8(ascii: "%"):
      let digits = Array(rest.prefix(2))
      guard digits.count == 2, let high = hexadecimal(digits[0]), let low = hexadecimal(digits[1])
      else {
        bytes.append(byte)
        continue
      }
      bytes.append(high << 4 | low)
      rest = rest.dropFirst(2)
    default: bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func hexadecimal(_ digit: UInt8) -> UInt8? {
  Character(Unicode.Scalar(digit)).hexDigitValue.map(UInt8.init)
}
