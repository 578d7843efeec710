#!/usr/bin/env python3
"""What the PixArt pipelines make of odd prompts: diffusers' own `_clean_caption`, with ftfy and beautifulsoup4.

usage: make_captions.py OUTDIR SEED [COUNT]

`drawn`: ordinary prompts, and what the example model makes of them (seed 0, 3 steps). `captions.json`: prompts, and what the pipeline reads (`_text_preprocessing`, which cleans twice). A prompt that it cannot read
(Beautiful Soup refuses it) is left out. SEED other than 0 makes other prompts, COUNT of them by chance.
"""
import importlib.metadata
import os
import sys
import warnings

ARGUMENTS = sys.argv[:]
sys.argv = sys.argv[:3]
import make_references as refs  # reads OUTDIR and SEED from the same arguments
from diffusers import PixArtSigmaPipeline

warnings.filterwarnings("ignore")
COUNT = int(ARGUMENTS[3]) if len(ARGUMENTS) > 3 else 300
refs.versions = lambda: {p: importlib.metadata.version(p) for p in ("diffusers", "ftfy", "beautifulsoup4")} | {
    "python": sys.version.split()[0]}

ORDINARY = """
A red heart
a photo of an astronaut riding a horse, 8k, highly detailed!
An Oil Painting of a Cat -- by Vincent van Gogh
red heart (shiny)
salt & pepper
red heart #1
red-haired-woman-with-a-hat
red heart 1024x768
wait... heart
Portrait of a woman: soft light, 50mm f/1.4
cat+dog
50% off
a cup of coffee, 3:45
3D render of a house [trending on ArtStation] {best quality}
masterpiece, (best quality:1.2), ((detailed)), 1girl
Mona Lisa / the scream | starry night
"a sign that says 'OPEN'"
'quoted'
"quoted twice" and "again"
"""
WORDS = """a the red heart cat dog Castle in of on with and at sunset PORTRAIT photo 4k 8k hdr painting, blue; green: sky. night! who?
Zürich café naïve Ångström ΟΔΟΣ Москва İstanbul straße""".split()
ODD = """
http://example.com/a.png https://www.foo.org/x?y=1&z=2 www.example.com example.com/page foo.net bar@foo.com me@mail.example.org
ftp://x.y https:foo www:foo http:/x example.co.uk site.ru. host.edu/~me a.gov, b.it! x.com@y http://user@host.com:80/p#q
@nick @nick_name, (@home) #hashtag #1 #12 #1234 #12345 #123456 #2024-05-01 # 5 #a1 123456 1234567 12345 00123456.78
192.168.0.1 10.0.0.1:80 1.2.3.4.5 999.999.999.999 3:45 12:30 1:02:03 10:15pm
photo.png IMG_1234.JPG scan.jpeg.bak a.webp, file.pdf. clip.mp4 my-picture.bmp x.eps .png png jpg images pdf image apk
<b>bold</b> <br> <br/> <i>x</i> <person> <PERSON> <p class="x">par</p> <a href='u'>link</a> <!-- note --> <script>var x = 1;</script>
<style>p{}</style> <title>T</title> <3 a<b b>a <> </> </b> <unclosed <img src="a.png"> <img alt='x y'/> <![CDATA[cdata]]> <?pi x?>
<!DOCTYPE html> <rt>ruby</rt> <pre>  two  spaces </pre> <textarea> x </textarea> <template>t</template> </br> </p x> <a"b> <x y=z/>
&amp; &lt; &gt; &quot; &nbsp; &copy; &eacute; &Eacute; &hellip; &mdash; &ndash; &amp;amp; &amp;lt;b&amp;gt; &#39; &#x27; &#8217; &#xe9; &#233 &#0;
&#128; &#x110000; &#xD800; &#12a; &# &#; &#x; & &a &nosuch; &notin; &notit &amp &quot &ltx &frac12; &NotEqualTilde; &half &times;2 &hearts; &fjlig;
䷀易 漢字 日本語 カタカナ ひらがな 한국어 ㈱ ㌔ ㍿ ㊙ 㐀 ㇰ 丽 𠀀 「引用」 、。 ・ 中文,red
– — ‒ ― ‐ ‑ − ﹘ ﹣ － 〜 〰 ゠ ⸺ ⸻ ᐀ ᠆ ֊ ־ -- --- a–b a—b - -x x- _ __ a_b a_b_c_d_e one-two-three-four-five x-y_z-w-v
“curly” ‘single’ „low“ «guillemets» `backtick` ´acute´ ¨ ‹x› it’s ‚x‛ ʼx 'a' "b" ''two'' ""two"" "'mixed'" '" ″ ′
... .. . …… a...b wait… hm.. ,,, ,, ;; :: ::: !! ?! a , b a . b a : b a ; b a :b 3 : 4 x. y .x ./x a/b a,b a.b 1,000 3.14 1/2 and/or e.g. i.e.
ﬁne ﬂower oﬃce ﬆop ﬅ Ĳssel ĳ ŉ ǆ ǈ ＦＵＬＬＷＩＤＴＨ ｈａｌｆ １２３ ｶﾀｶﾅ ￥ ￡ ＆ａｍｐ； ＆lt； ＠ｎｉｃｋ ＃１ （ｘ） ！ ？ ～
1200x800 10x20 3×4 3х4 1.5x2.5 x264 4x 16x9px 12 x 14 a1b2 jc6640 jc6640vc 6640vc231 j2d1a2a abc123def4 mp3 h264 b2b 2b2 2nd 3d 80s 1990s covid19 r2d2 c3po
worldwide free shipping Free Shipping! shipping free  download download free click for more click on link click here Click  for info page 12 page twelve pages 3
*** ***SALE*** ~ ~~ [x] {y} (z) |a| \\ \\n a\\nb / // * ^ $ % %20 a%20b %C3%A9 %zz %E2%80%A6 %3Cb%3E + a+b ++ = == § ° · • ® © ™ ¿que? ¡hola! º ª ½ ¾ ¼ × ÷ £5 €10
+1-555-123-4567 (555) 123-4567 555.123.4567 +44 20 7946 0958 12-34-56 2024-05-01 05/01/2024 $19.99 100% 1:2 16:9 f/2.8 ISO100
😀 👍🏽 👩‍👩‍👧 🇩🇪 ❤️ ☺ ✔ ★ → 🏴󠁧󠁢󠁷󠁬󠁳󠁿 🤖robot ¯\\_(ツ)_/¯ ᴏᴅᴅ 𝒮𝒸𝓇𝒾𝓅𝓉 Å Å é é n̈ ạ̈ ℌ ² ③ Ⅷ ٣٤ १२ ᾳ ẞ ŉ ſ K ª
"""
# Each text read by a wrong code page, whole or within others.
PLAIN = "é|à|ü|ß|ñ|œuvre|naïve café|…|–|—|“curly”|it’s|‘a’|•|™|€5|½|×|漢字|日本語|שלום|العربية|Привет|Ελλάδα|čeština|łódź|ığdır|ā|ﬁ|😀|❤️|→|★|✔|한국|ไทย|″|°C|¡Olé!|²|Å|\u00a0x"
PAGES = ["latin-1", "cp1252", "cp1252", "sloppy-windows-1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso8859-2", "mac_roman",
         "cp437"]
LINKS = [" "] * 12 + ["", "", ", ", ". ", "  ", "\t", " - ", "-", "_", "/", ": ", " : ", ":", ";", "\n", "\u00a0", "\u3000", "\u200b", "\u0085",
         "\u2028", "\x1b[31m", "\ufeff", "\x07", "\r\n", "\x1c", "\u00ad"]


def broken(text, page):
    data = text.encode()
    return "".join(bytes([b]).decode(page, "ignore") or chr(b) for b in data)


def mojibake(rng):
    import ftfy.bad_codecs  # noqa: F401  registers the sloppy pages

    texts = PLAIN.split("|")
    text = texts[rng.integers(len(texts))]
    page = PAGES[rng.integers(len(PAGES))]
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        text = broken(text, page)
    kind = rng.integers(10)
    if kind == 0:
        text = text.replace("\u00a0", " ")
    if kind == 1 and len(text) > 1:
        text = text[:-1] + "\ufffd"
    return text


def prompts(rng):
    yield ""
    yield " \n\t"
    yield from (line for line in ORDINARY.split("\n") if line)
    odd = ODD.split()
    for token in odd:
        yield token
    for token in odd[:: 1 + refs.SEED % 2]:
        yield f"a {token} b"
    for line in ODD.split("\n"):
        if line:
            yield line
    for text in PLAIN.split("|"):
        for page in ("latin-1", "cp1252", "mac_roman"):
            yield broken(text, page)
            yield f"A photo of {broken(broken(text, page), page)} at night"
    yield "word " * 700
    yield "a" * 5000 + ".png"
    yield "red, " * 300 + "heart"
    for number in range(COUNT):
        length = int(rng.integers(1, 9))
        parts = []
        for _ in range(length):
            kind = rng.integers(10)
            if kind < 4:
                parts.append(WORDS[rng.integers(len(WORDS))])
            elif kind < 8:
                parts.append(odd[rng.integers(len(odd))])
            elif kind == 8:
                parts.append(mojibake(rng))
            else:
                parts.append("".join(chr(c) for c in rng.integers(33, 127, size=int(rng.integers(1, 6)))))
            parts.append(LINKS[rng.integers(len(LINKS))])
        yield "".join(parts[: len(parts) - int(rng.integers(2))])


# As it is, and what a cleaner may change of it.
LINES = ORDINARY.strip().split("\n")
DRAWN = ["red heart"] + LINES[LINES.index("red heart (shiny)") : LINES.index("wait... heart") + 1]


def draw(folder):
    """N.safetensors: the latents that prompt N of prompts.txt starts from and ends with."""
    import pathlib

    import torch
    from diffusers import PixArtAlphaPipeline
    from safetensors.torch import save_file

    os.makedirs(folder)
    pathlib.Path(folder, "prompts.txt").write_text("".join(line + "\n" for line in DRAWN))
    model = pathlib.Path(__file__).resolve().parent.parent.parent / "examples/emoji-pixart"
    pipe = PixArtAlphaPipeline.from_pretrained(model, torch_dtype=torch.float32)
    for number, prompt in enumerate(DRAWN):
        start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        end = pipe(prompt, num_inference_steps=3, generator=torch.Generator().manual_seed(0), output_type="latent",
                   use_resolution_binning=False, clean_caption=True).images
        save_file({"initial_latents": start, "final_latents": end}, os.path.join(folder, f"{number}.safetensors"))


def main():
    name = "captions"
    d, rng = refs.case_dir(name), refs.rng("data", "captions")
    pipeline = PixArtSigmaPipeline.__new__(PixArtSigmaPipeline)
    records, refused = [], 0
    for prompt in dict.fromkeys(prompts(rng)):
        try:
            cleaned = pipeline._text_preprocessing(prompt, clean_caption=True)[0]
        except Exception as error:  # noqa: BLE001
            refused += 1
            print(f"  refused: {type(error).__name__} {prompt[:60]!r}", file=sys.stderr)
            continue
        records.append(dict(prompt=prompt, cleaned=cleaned))
    refs.jdump(os.path.join(d, "captions.json"), records)
    draw(os.path.join(d, "drawn"))
    refs.finish(d, case=name, cls="PixArtSigmaPipeline._text_preprocessing", prompts=len(records), refused=refused,
                description="prompts as they come and as the pipeline reads them with clean_caption", tolerance={"cleaned": "exact"})


main()
