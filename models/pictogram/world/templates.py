"""Wording of captions in five languages: training templates and held-out evaluation templates.

A caption is a template around {thing}, followed by optional style and background
phrases. Evaluation templates share no template with training, so no evaluation
prompt equals a training caption (`dataset.py` keeps the names in both).
"""

from __future__ import annotations

COLOURS = {
    "white": (255, 255, 255), "blue": (120, 178, 240), "green": (140, 208, 140), "yellow": (250, 226, 120),
    "pink": (250, 184, 208), "gray": (186, 188, 194), "orange": (250, 188, 118), "purple": (188, 158, 230),
    "red": (235, 118, 112),
}
"""Background colours, sRGB 0–255."""

COLOUR_WORDS = {
    "en": {c: c for c in COLOURS},
    "ar": {"white": "بيضاء", "blue": "زرقاء", "green": "خضراء", "yellow": "صفراء", "pink": "وردية", "gray": "رمادية",
           "orange": "برتقالية", "purple": "بنفسجية", "red": "حمراء"},
    "es": {"white": "blanco", "blue": "azul", "green": "verde", "yellow": "amarillo", "pink": "rosa", "gray": "gris",
           "orange": "naranja", "purple": "morado", "red": "rojo"},
    "fr": {"white": "blanc", "blue": "bleu", "green": "vert", "yellow": "jaune", "pink": "rose", "gray": "gris",
           "orange": "orange", "purple": "violet", "red": "rouge"},
    "hi": {"white": "सफ़ेद", "blue": "नीली", "green": "हरी", "yellow": "पीली", "pink": "गुलाबी", "gray": "धूसर",
           "orange": "नारंगी", "purple": "बैंगनी", "red": "लाल"},
}

BACKGROUND = {
    "en": "on a {} background", "ar": "على خلفية {}", "es": "sobre un fondo {}", "fr": "sur fond {}", "hi": "{} पृष्ठभूमि पर",
}

STYLE_WORDS = {
    "noto": "noto", "noto-v1": "old noto", "twemoji": "twemoji", "emojione": "emojione", "fluent-emoji-flat": "fluent",
    "fluent-emoji-high-contrast": "high contrast", "emojione-monotone": "monotone", "fluent-emoji": "shaded",
    "fxemoji": "fx",
}
STYLE = {"en": "in {} style", "ar": "بأسلوب {}", "es": "al estilo {}", "fr": "dans le style {}", "hi": "{} शैली में"}

SIZE = {
    "en": {"small": "small {}", "medium": "medium {}", "large": "large {}"},
    "ar": {"small": "{} بحجم صغير", "medium": "{} بحجم متوسط", "large": "{} بحجم كبير"},
    "es": {"small": "{} de tamaño pequeño", "medium": "{} de tamaño mediano", "large": "{} de tamaño grande"},
    "fr": {"small": "{} de petite taille", "medium": "{} de taille moyenne", "large": "{} de grande taille"},
    "hi": {"small": "छोटे आकार में {}", "medium": "मध्यम आकार में {}", "large": "बड़े आकार में {}"},
}

COUNT = {
    "en": {2: "two {}", 3: "three {}"},
    "ar": {2: "اثنان من {}", 3: "ثلاثة من {}"},
    "es": {2: "dos veces {}", 3: "tres veces {}"},
    "fr": {2: "deux fois {}", 3: "trois fois {}"},
    "hi": {2: "दो {}", 3: "तीन {}"},
}

TRAINING = {
    "en": ("{}", "{}", "{}", "{}", "a picture of {}", "a drawing of {}", "an icon of {}", "an image of {}", "an illustration of {}",
           "this is {}", "here you see {}", "{}, simple drawing", "clip art of {}", "a symbol for {}", "a cartoon of {}",
           "look at {}", "there is {}", "my friend drew {}", "a nice {}", "a photo showing {}", "make {}", "a small picture with {}",
           "we want {}", "find {}", "can you make {}", "please give me {}", "he likes {}", "draw me {}", "I have {}"),
    "ar": ("{}", "{}", "{}", "{}", "صورة {}", "رسم {}", "أيقونة {}", "هذا {}", "رمز {}", "رسم بسيط يظهر {}", "هنا ترى {}",
           "رسم كرتوني: {}", "صديقي رسم {}", "انظر إلى {}", "يوجد {}",
           "نريد {}", "ابحث عن {}", "من فضلك اعطني {}", "عندي {}", "هو يحب {}", "أريد {}", "هل يمكنك رسم {}"),
    "es": ("{}", "{}", "{}", "{}", "una imagen de {}", "un dibujo de {}", "un icono de {}", "una ilustración de {}", "esto es {}",
           "aquí se ve {}", "{}, dibujo sencillo", "un símbolo de {}", "una caricatura de {}", "mira {}", "hay {}", "mi amigo dibujó {}",
           "queremos {}", "busca {}", "por favor dame {}", "tengo {}", "le gusta {}", "puedes hacer {}", "una foto de {}"),
    "fr": ("{}", "{}", "{}", "{}", "une image de {}", "un dessin de {}", "une icône de {}", "une illustration de {}", "voici {}",
           "ici on voit {}", "{}, dessin simple", "un symbole de {}", "une caricature de {}", "regarde {}", "il y a {}",
           "mon ami a dessiné {}",
           "nous voulons {}", "cherche {}", "donne-moi {} s'il te plaît", "je veux {}", "il aime {}", "peux-tu faire {}", "une photo de {}"),
    "hi": ("{}", "{}", "{}", "{}", "{} की तस्वीर", "{} का चित्र", "{} का आइकन", "यह {} है", "यहाँ {} दिखता है", "{} का प्रतीक",
           "{}, सरल चित्र", "{} का कार्टून", "देखो {}", "मेरे दोस्त ने {} बनाया", "एक {}",
           "हमें {} चाहिए", "{} खोजो", "कृपया {} दो", "मेरे पास {} है", "उसे {} पसंद है", "मैं {} चाहता हूँ", "क्या आप {} बना सकते हैं"),
}

EVALUATION = {
    "en": ("please draw {}", "show me {}", "{} as a pictogram", "I would like to see {}", "an emoji that shows {}",
           "can you paint {} for me", "a sticker with {}", "just {}"),
    "ar": ("ارسم {} من فضلك", "أرني {}", "أريد أن أرى {}", "ملصق عليه {}", "فقط {}"),
    "es": ("por favor dibuja {}", "muéstrame {}", "quiero ver {}", "una pegatina con {}", "solo {}"),
    "fr": ("dessine {} s'il te plaît", "montre-moi {}", "je voudrais voir {}", "un autocollant avec {}", "seulement {}"),
    "hi": ("कृपया {} बनाइए", "मुझे {} दिखाओ", "मैं {} देखना चाहता हूँ", "{} वाला स्टिकर", "बस {}"),
}


FILLER = {
    "en": "please now very good today the my your some can you would like to want see show here this that one really maybe of with for and draw paint sticker thanks",
    "ar": "من فضلك الآن جيد اليوم لي لك بعض هل يمكن أريد أن أرى هنا هذا ذلك واحد حقا ربما مع و ارسم شكرا فقط",
    "es": "por favor ahora muy bueno hoy mi tu un una el la puedes quiero ver mostrar aquí este eso quizás de con para y dibuja pinta gracias",
    "fr": "merci maintenant très bon aujourd'hui mon ton un une le la peux je voudrais voir montrer ici ce cela peut-être de avec pour et dessine plaît",
    "hi": "कृपया अब बहुत अच्छा आज मेरा आपका एक मुझे देखना चाहता हूँ यहाँ यह वह शायद के साथ और के लिए बनाओ बनाइए धन्यवाद",
}
"""Words scattered around some training captions, so that unknown wordings do not confuse the encoder."""


def proper_plural(name: str) -> str:
    """Plural as English has it: of the head ("drops of blood"), and of both sides of "and" ("bows and arrows")."""
    if " and " in name:
        return " and ".join(proper_plural(part) for part in name.split(" and "))
    head, rest = head_of(name)
    irregular = {"bus": "buses", "tomato": "tomatoes"}
    first, _, last = head.rpartition(" ")
    return f"{first} {irregular[last]}".strip() + rest if last in irregular else english_plural(head) + rest


def proper_singular(name: str) -> str:
    """The name with the article of its head: "an angry face with horns", "a skull and crossbones"; "eyes" stay bare."""
    head, rest = head_of(name)
    head, joined, other = head.partition(" and ")
    with_article = f"a {head}" if head.startswith("uni") else english_singular(head)
    return with_article + joined + other + rest


def head_of(name: str) -> tuple[str, str]:
    """What a name is about, and what is said of it."""
    at = min((name.find(word) for word in (" of ", " with ", " from ", " on ", " showing ") if word in name), default=len(name))
    return name[:at], name[at:]


def english_plural(name: str) -> str:
    """Plural of an English CLDR name ("kitchen knife" → "kitchen knives"), as the model was trained with it."""
    if name.endswith("s") and not name.endswith("ss"):
        return name
    if name.endswith("knife"):
        return name[:-2] + "ves"
    if name.endswith(("ss", "x", "ch", "sh")):
        return name + "es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


def english_singular(name: str) -> str:
    """The name with its article; plural-only names stay bare."""
    if name.endswith("s") and not name.endswith(("ss", "us")):
        return name
    return ("an " if name[0].lower() in "aeiou" else "a ") + name


def thing(language: str, name: str, count: int, size: str | None, article: bool = True, proper: bool = False) -> str:
    """Noun phrase such as "two small axes"; `size` None leaves the size out. `proper`: in English that is right throughout."""
    sized = SIZE[language][size].format(name) if size else name
    if language == "en" and count > 1:
        sized = (proper_plural if proper else english_plural)(sized)
    if count > 1:
        return COUNT[language][count].format(sized)
    return (proper_singular if proper else english_singular)(sized) if language == "en" and article else sized


def phrase(language: str, template: str, subject: str, style: str | None, background: str | None, proper: bool = False) -> str:
    """The whole caption: template around the subject, then style and background if given."""
    parts = [template.format(subject)]
    if style:
        parts.append(STYLE[language].format(STYLE_WORDS[style]))
    if background:
        ground = BACKGROUND[language].format(COLOUR_WORDS[language][background])
        parts.append(ground.replace("a orange", "an orange") if proper else ground)
    return " ".join(parts)
