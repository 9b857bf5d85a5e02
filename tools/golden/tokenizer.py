"""Makes tests/golden/tokenizer/: texts and their ids by the Hugging Face `tokenizers` library.

Needs `pip install tokenizers` (0.23 was used) and two published vocabularies, bert-base-uncased's and
bert-base-chinese's vocab.txt:

    python tools/golden/tokenizer.py --english vocab-en.txt --chinese vocab-zh.txt --out tests/golden/tokenizer

The committed vocabularies are cut down: they keep every token that begins at some place of a word of the texts, so that
longest-match-first meets the same competitors, and an even sample of the others. The tool checks that the cut changes
no text's tokens, then writes the ids of the cut vocabulary.
"""

import argparse
import pathlib
import random

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KEPT = 2500  # tokens of a cut vocabulary, about

# (name, text); a text given as bytes is not UTF-8.
TEXTS = [
    ("empty", ""),
    ("blank", " \t\r\n  "),
    ("plain", "the quick brown fox jumps over the lazy dog"),
    ("capitals", "The Quick BROWN Fox"),
    ("long words", "internationalization of counterrevolutionaries and electroencephalographically"),
    ("title", "Men's Waterproof Hiking Boots - Size 10.5 (Wide), Black/Grey"),
    ("price", "Only $19.99!! 50% OFF; buy 2 & get 1 free #sale @shop"),
    ("ASCII punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ("glued punctuation", "a.b,c;d:e!f?g-h_i+j=k|l~m^n`o"),
    ("contractions", "don't can't I'm you've it's o'clock rock'n'roll"),
    ("address", "https://example.org/a/b?id=42&q=x%20y#top or mail me@example.org"),
    ("numbers", "3.14159 1,000,000 0x1F 1e-10 2024-01-02T03:04:05Z"),
    ("repeated", "aaaaaaaaaaaaaaaa hahahahahaha zzzzzzzz"),
    ("nonsense", "xqzjkv wvutsr qqqq"),
    ("accents", "Café naïve résumé façade Zürich Ångström señor œuvre"),
    ("combining accents", "Cafe\u0301 nai\u0308ve A\u030angstro\u0308m"),
    ("several marks", "a\u0301\u0323\u0308b\u0327\u0302c\u034f\u0301d"),
    ("only marks", "\u0301\u0308 \u0327"),
    ("marks in wrong order", "q\u0307\u0323 q\u0323\u0307"),
    ("mark after ideograph", "\u4e2d\u0301\u6587\u0308"),
    ("mark after punctuation", "!\u0301? .\u0308x"),
    ("spacing marks", "\u1b13\u1b44\u302ea \u302e\U0001d165\U0001d16d"),
    ("negated relations", "a\u226eb \u2260 x\u2209y"),
    ("Greek question mark", "\u03c4\u03b9\u037e \u1fef \u0387"),
    ("Greek", "Καλημέρα ΚΌΣΜΕ ΟΔΥΣΣΕΎΣ ς Σ"),
    ("Cyrillic", "Привет, Ёлка и Йод. Съешь ещё этих мягких булок"),
    ("Turkish", "İstanbul ISPARTA ıssız İİ i̇"),
    ("German", "Straße GROẞ Größe ẞ"),
    ("ligatures", "ﬁne ﬂour oﬃce ĳ ǆ Ǆ ǅ"),
    ("letterlike", "K Å Ω ℃ ™ № ℵ"),
    ("superscripts", "x² y³ H₂O ½ ⅔ Ⅷ ①"),
    ("Vietnamese", "Tiếng Việt Nguyễn Đặng phở"),
    ("Polish", "Łódź żółć ŁĄKA ø Ø đ Đ"),
    ("Chinese", "我爱北京天安门"),
    ("Chinese sentence", "今天天气很好，我们去公园散步吧！你说呢？好的。"),
    ("Chinese punctuation", "（，！。）《》【】“”‘’、；：？……——·～"),
    ("Chinese title", "【新品】2024春季连衣裙 女装V领修身显瘦 M/L/XL码，包邮！"),
    ("mixed", "我在Apple买了iPhone15ProMax手机，花了9999元"),
    ("mixed tight", "abc中文def国ghi"),
    ("traditional", "繁體中文測試：電腦與網路"),
    ("rare ideographs", "㐀㐁 𠀀𠀁 𪜀 𫝀 鿿"),
    ("block gap", "a\U0002b820b a\U0002b91fb a\U0002b920b a\U0002ceb0b"),
    ("compatibility ideographs", "豈更車 金\uf90a \U0002f800丽"),
    ("radicals", "⺀⼀⼁"),
    ("full width", "ＡＢＣ１２３，！（ａｂｃ）"),
    ("half width katakana", "ｱｲｳｶﾞﾊﾟ"),
    ("ideographic space", "你好\u3000世界"),
    ("Japanese", "これはテストです。東京タワーへ行きました"),
    ("voiced kana", "がぎぐげご パピプペポ か\u3099"),
    ("iteration marks", "々 〆 〇 ー ・"),
    ("Korean", "안녕하세요 세계 한국어"),
    ("Korean jamo", "\u1112\u1161\u11ab\u1100\u116e\u11a8 ㄱㄴㄷ"),
    ("Thai", "สวัสดีชาวโลก ภาษาไทย กำ"),
    ("Arabic", "مرحبا بالعالم، كيف حالك؟"),
    ("Arabic with vowels", "مَرْحَبًا بِكُمْ أإآ"),
    ("Hebrew", "שָׁלוֹם עולם"),
    ("Hindi", "नमस्ते दुनिया। हिन्दी क़"),
    ("Tamil", "வணக்கம் உலகம்"),
    ("Georgian", "გამარჯობა ᲒᲐᲛᲐᲠ"),
    ("emoji", "I love it 😀😍👍 great🎉"),
    ("emoji with joiners", "👨‍👩‍👧‍👦 family 🏳️‍🌈"),
    ("emoji with skin", "👍🏽 ok 👋🏿"),
    ("flags", "🇨🇳🇺🇸 flag"),
    ("new emoji", "🥰🦩🫠🛜"),
    ("keycaps", "1️⃣ #️⃣"),
    ("variation selector", "❤️ ❤ ☺︎"),
    ("symbols", "€ £ ¥ © ® ° ± × ÷ § ¶ • † ‡ … ‰"),
    ("arrows and boxes", "→ ← ⇒ ■ □ ★ ☆ ♪ ✓"),
    ("dashes", "a-b a–b a—b a‐b a−b"),
    ("quotes", "“double” ‘single’ «guillemets» „low“ ‹x›"),
    ("Spanish marks", "¿Qué? ¡Hola!"),
    ("symbols that are no punctuation", "a$b a+b a<b a=b a>b a^b a`b a|b a~b a´b a¨b a¬b"),
    ("connector", "a_b a‿b a＿b"),
    ("zero width", "zero\u200bwidth non\u200cjoiner joi\u200dner word\u2060joiner"),
    ("byte order mark", "\ufeffhello wor\ufeffld"),
    ("soft hyphen", "co\u00adoperate"),
    ("direction marks", "\u202eabc\u202c \u200fdef\u200e \u2066x\u2069"),
    ("controls", "a\x01b\x02 c\x7fd \x1b[0m e\x0bf\x0cg"),
    ("NUL", "nul\x00byte a \x00 b"),
    ("C1 controls", "a\x80b\x85c\x9fd"),
    ("replacement character", "repl\ufffdaced \ufffd x"),
    ("private use", "a\ue000b \U000f0000 c"),
    ("unassigned", "a\u0378b \U0003ffff"),
    ("noncharacters", "a\ufffeb a\uffffb"),
    ("spaces", "a\u00a0b\u1680c\u2000d\u2003e\u2009f\u202fg\u205fh\u3000i"),
    ("line separators", "a\u2028b\u2029c"),
    ("returns", "line one\r\nline two\rline three\n\n\tend"),
    ("99 characters", "a" * 99),
    ("100 characters", "a" * 100),
    ("101 characters", "a" * 101),
    ("long word between", "before " + "b" * 250 + " after"),
    ("100 accented", "é" * 100),
    ("100 after stripping", "e\u0301" * 100),
    ("101 after stripping", "e\u0301" * 101),
    ("50 syllables", "한" * 33 + " " + "한" * 34),
    ("long Chinese", "中" * 150),
    ("long word with punctuation", "c" * 60 + "." + "c" * 60),
    ("special tokens", "[CLS] hello [SEP] world [MASK] [PAD] [UNK]"),
    ("special tokens, glued", "a[SEP]b[CLS][SEP]中[MASK]文"),
    ("special tokens, not quite", "[sep] [SEP [[SEP]] SEP] [ SEP ] [CLS"),
    ("special tokens, broken", "[S\u200bEP] [SE\u0301P] [unused1] ##ing #"),
    ("special tokens in a long word", "d" * 90 + "[SEP]" + "d" * 90),
    ("continuation signs", "##able ## # ###"),
    ("invalid: lone continuation", b"abc\x80def \xbf x"),
    ("invalid: lone lead", b"abc\xc3 def\xe4 ghi\xf0"),
    ("invalid: cut short", b"caf\xc3"),
    ("invalid: cut in ideograph", b"\xe4\xb8\xad\xe6\x96 x \xe4\xb8"),
    ("invalid: cut in emoji", b"ok \xf0\x9f\x98 ok \xf0\x9f\x98\x80"),
    ("invalid: overlong", b"a\xc0\xafb a\xe0\x80\xafb a\xf0\x80\x80\xafb"),
    ("invalid: surrogates", b"a\xed\xa0\x80b \xed\xa0\xbd\xed\xb8\x80"),
    ("invalid: too large", b"a\xf4\x90\x80\x80b a\xf5\x80\x80\x80b"),
    ("invalid: never bytes", b"a\xfeb\xffc"),
    ("invalid: lead then valid", b"\xe4\xc3\xa9\xf0\x90\xe4\xb8\xad"),
    ("invalid: Latin-1", "Café à Zürich".encode("latin-1")),
    ("invalid: GBK", "中文测试，你好".encode("gbk")),
    ("invalid: UTF-16", "hello 中文".encode("utf-16")),
    ("invalid: in a special token", b"[SE\xffP] [SEP\xff]"),
]


def random_texts(vocabulary, count):
    """Texts glued from tokens, characters of many blocks and damaged bytes."""
    rng = random.Random(20240607)
    tokens = list(vocabulary)
    blocks = [(0x20, 0x7F), (0xA0, 0x180), (0x370, 0x3FF), (0x400, 0x460), (0x4E00, 0x5200), (0xAC00, 0xAD00),
              (0x300, 0x330), (0x2010, 0x2030), (0x3000, 0x3020), (0xFF00, 0xFF60), (0x1F600, 0x1F640)]
    for i in range(count):
        parts = []
        for _ in range(rng.randint(3, 9)):
            if rng.random() < 0.6:
                parts.append(rng.choice(tokens).replace("##", "").encode())
            else:
                low, high = rng.choice(blocks)
                parts.append("".join(chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 3))).encode())
            if rng.random() < 0.5:
                parts.append(b" ")
        text = bytearray(b"".join(parts))
        if i % 4 == 0:
            text[rng.randrange(len(text))] = rng.randint(0x80, 0xFF)
        yield f"random {i}", bytes(text)


def read_vocabulary(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line in file]


def reference(tokens, lowercase):
    vocabulary = {token: i for i, token in enumerate(tokens)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None,
                                                 lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(SPECIAL)
    return made


def pieces_of(made, text):
    """The tokens of a text; invalid bytes are read as U+FFFD."""
    return made.encode(text.decode("utf-8", "replace"), add_special_tokens=False)


def competitors(made, text):
    """Every string that WordPiece may look up for the text."""
    for word, _ in made.pre_tokenizer.pre_tokenize_str(made.normalizer.normalize_str(text.decode("utf-8", "replace"))):
        for begin in range(min(len(word), 101)):
            for end in range(begin + 1, min(len(word), 101) + 1):
                yield ("##" if begin else "") + word[begin:end]


def cut(tokens, modes, texts):
    """The tokens, in order, that the texts may meet, and a sample of the others."""
    full, wanted = set(tokens), set(SPECIAL)
    for lowercase in modes:
        made = reference(tokens, lowercase)
        for _, text in texts:
            wanted.update(c for c in competitors(made, text) if c in full)
    others = [t for t in tokens if t not in wanted]
    room = max(KEPT - len(wanted), 0)
    wanted.update(others[:: max(len(others) // room, 1)] if room else [])
    return [t for t in tokens if t in wanted]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--english", required=True, help="vocab.txt of bert-base-uncased")
    parser.add_argument("--chinese", required=True, help="vocab.txt of bert-base-chinese")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "cases.tsv", "w", encoding="ascii", newline="\n") as out:
        out.write("# vocabulary, lowercase, text in hex, ids, name; made by tools/golden/tokenizer.py\n")
        for name, path, modes in (("english", args.english, (True,)), ("chinese", args.chinese, (True, False))):
            tokens = read_vocabulary(path)
            texts = [(n, t if isinstance(t, bytes) else t.encode()) for n, t in TEXTS]
            texts += random_texts(tokens, 60)
            kept = cut(tokens, modes, texts)
            (args.out / f"{name}.txt").write_text("\n".join(kept) + "\n", encoding="utf-8", newline="\n")
            for lowercase in modes:
                full, small = reference(tokens, lowercase), reference(kept, lowercase)
                for case, text in texts:
                    found = pieces_of(small, text)
                    if found.tokens != pieces_of(full, text).tokens:
                        raise SystemExit(f"{name}: the cut changed '{case}'")
                    ids = " ".join(map(str, found.ids))
                    out.write(f"{name}\t{int(lowercase)}\t{text.hex()}\t{ids}\t{case}\n")
            print(name, len(kept), "tokens,", len(texts) * len(modes), "cases")


if __name__ == "__main__":
    main()
