"""Words by which requests and answers are recognised that get no marks. A list, and no proof: it cannot be complete.

A stem stands for every word that begins with it, an ending for every word that ends with it.
"""

from __future__ import annotations

_CODE_WORDS_TEXT = """
code coding java rust swift perl ruby php scala matlab bash shell terminal sql query script json yaml xml html css csv
toml api git url tool tools solve cite excel vba macro macros loop loops array arrays regex regexp stack queue cron
awk sed grep linux unix vim pip npm cpu gpu ram dns ssh http https ip tcp sum sums plus minus times divide divided
maths math mod log sine cosine tangent matrix vector vectors lemma proof proofs exact exactly copy lyrics spell spelled
spelling rhyme rhymes acronym anagram palindrome decode encode hash hashes
abfrage befehl zitat zitiere consulta código codice requête logiciel
"""
CODE_WORDS = frozenset(_CODE_WORDS_TEXT.split())
_CODE_STEMS_TEXT = """
function python javascript typescript golang kotlin command latex markdown schema endpoint parser parse compil debug
stacktrace traceback algorithm program unittest refactor repositor docker kubernetes formula equation theorem
prove calculat comput translat quot verbatim citation password spreadsheet pandas numpy pytorch tensorflow dataframe
config one-liner oneliner derivative differentiat integral integrat algebra geometr trigonom calculus arithmetic
polynomial factori multipl subtract probabilit statistic recit repeat word-for-word transcri paraphras reproduc
software databas variable recursi iterat boolean integer syntax snippet browser server backend frontend website
webpage javasc typesc dockerf makefile runtime pointer
funktion programm gleichung berechne fonction équation calcule función programa ecuación calcula funzione equazione
calcola função equação
"""
CODE_STEMS = tuple(_CODE_STEMS_TEXT.split())

_SAFETY_WORDS_TEXT = """
kill kills killed killing killer die dies died dying dead deadly rape raped gun guns bomb bombs hurt hurts safe fire
fires mg mcg dose doses dosed drug drugs drugged pill pills sue sued sues suing tax taxes loan loans bail jail law laws
hiv aids cpr icu flu acid acids bleach ammonia chlorine burn burns burned burnt choke choked stab stabbed noose hang
hanged fraud debt debts rent visa court courts arson bleed bleeds bled scam scams
tod arme mort dose gift arzt
"""
SAFETY_WORDS = frozenset(_SAFETY_WORDS_TEXT.split())
"""Short words that stand for themselves only."""
_SAFETY_STEMS_TEXT = """
suicid self-harm selfharm self-injur murder abus assault violen weapon explosiv poison toxic overdos emergenc ambulanc
danger hazard unsafe safety electric electroc voltage chemical evacuat threat terror homicid strangl suffocat asphyx
drown lethal fatal venom kidnap molest harass stalk traffick firearm ammunit grenade gunpowder detonat nerve-agent
medic doctor physician nurse hospital clinic symptom diagnos diseas pregnan miscarr allerg anaphyl vaccin insulin
surger surgeon treatment therap depress tablet prescri pharma antibiot ibuprofen paracetamol acetaminophen aspirin
tylenol naproxen metformin warfarin opioid opiate heroin cocaine fentanyl morphin codein methadon ketamin mdma ecstasy
cannabi steroid antidepress sedativ sleeping-pill laxativ contracept abortion tumor tumour cancer diabet epilep seizur
asthma stroke concuss fractur bleeding haemorrh hemorrh infect fever sepsis rabies tetanus malaria cardiac heart-attack
unconscious collaps breathing breathe resuscit carbon-monoxide mental-health schizo bipolar anorex bulimi eating-disord
psychos psychiat addict alcoholi withdrawal
legal illegal lawyer attorney solicitor lawsuit litigat contract crime criminal police arrest prosecut convict custody
divorc evict landlord tenan copyright trademark patent immigra deport asylum invest mortgage bankrupt insuranc pension
malware ransomware exploit vulnerab hack attack phish
side-effect monoxide methamph lithium bodies shoot shot corpse hostage
selbstmord suizid umbring umzubring töten tötet sterb waffe sprengstoff giftig notfall notruf gefahr gefährl sicherheit
dosis dosier medikament krankheit schwanger impfung gewalt missbrauch anwalt polizei vergift
tuer mourir explosif urgenc dangereu sécurité médica médecin maladi enceinte avocat mortel
matar morir morrer muerte veneno emergên peligr perig segurida seguranç médico enfermedad doença embarazad grávid vacun
vacin abogad advogad policía políci
uccid morire veleno emergenz pericol sicurezz farmac malattia incinta avvocat polizia
zelfmoord doodgaan samobój självmord selvmord intihar öldür itsemurh öngyilk sinucid
"""
SAFETY_STEMS = tuple(_SAFETY_STEMS_TEXT.split())
_SAFETY_ENDINGS_TEXT = """
itis emia aemia ectomy profen cillin mycin azole sartan statin olol azepam azolam oxetine codone caine algia
cyclin triptan gliptin parin
"""
SAFETY_ENDINGS = tuple(_SAFETY_ENDINGS_TEXT.split())
"""As diseases and medicines are named."""

_PROMPT_WORDS_TEXT = """
pain pains ache aches sick ill illness wound wounds wounded bite bites bitten sting stings stung rash itch cough
vomit vomits nausea dizzy faint faints fainting fainted swollen chest heart lung lungs liver kidney
kidneys stomach belly throat skin
blood bone bones skull spine brain eye eyes ear ears tooth teeth gum gums arm arms leg legs knee knees ankle wrist
head headache headaches migraine migraines cold period periods baby babies infant infants toddler toddlers newborn
pet pets dog dogs cat cats snake snakes spider spiders jellyfish mushroom mushrooms berries alcohol vodka diet fasting
vitamin vitamins supplement supplements sleep anxiety anxious panic grief hopeless lonely worthless cry crying trauma
sex sexual condom condoms gas smoke fumes mold mould asbestos wiring outlet fuse ladder mix mixing combine combining
swallow swallowed inhale inhaled ate eaten drank drunk inject injected smoking leak leaking
money bank credit stock stocks shares crypto bitcoin salary wage wages fired employer boss inheritance deposit refund
sign signed warranty fine fines ticket appeal rights liable liability testify witness
advice advise recommend recommended should ought diy repair effects meth body paragraph speech poem
poems vlookup sheet sheets crash rid
"""
PROMPT_WORDS = frozenset(_PROMPT_WORDS_TEXT.split())
"""Of the body, of medicine, law and money: in a request they mean that a word may decide, in an answer they do not."""

SAFETY_PHRASES = (
    r"\b(?:end|ends|ended|ending|take|takes|taking|took|lose|risk)\s+(?:\w+\s+)?(?:own\s+)?(?:life|lives)\b",
    r"\b(?:end|ending)\s+(?:it|everything)\b",
    r"\b(?:no\s+(?:reason|point)|not\s+worth|tired\s+of|stop|give\s+up\s+on|don't\s+want)\b.{0,30}\b(?:liv\w+|life|alive)",
    r"\bbetter\s+off\s+(?:dead|without)\b",
    r"\b(?:cut|cutting|hurt|hurting|harm|harming|burn|hang|hanging|starve|starving|shoot)\s+\w+sel(?:f|ves)\b",
    r"\bjump(?:ing)?\s+(?:off|from|in\s+front)\b",
    r"\bgoodbye\s+(?:letter|note)\b",
    r"\bhow\s+(?:much|many|often|long|far|high|deep|hot)\b",
    r"\b(?:is|are|isn't|aren't|was)\s+(?:it|this|that|these|they)?\s*(?:\w+\s+)?(?:ok|okay|allowed|harmful|normal|bad)\b",
    (
        r"\b\d+(?:[.,]\d+)?\s*(?:mg|mcg|µg|μg|ug|ml|cl|g|kg|lb|lbs|oz|iu|cc|units?|pills?|tablets?|capsules?|drops?|puffs?"
        r"|shots?|drinks?|glasses|spoons?|teaspoons?|tablespoons?|cups?|volts?|v|amps?|watts?|°\w?|degrees?|percent|%)(?!\w)"
    ),
)
"""Patterns of self-harm, of questions after a quantity, and of quantities of substances."""
CODE_PHRASES = (
    r"\bword\s+for\s+word\b|\bword\s+by\s+word\b|\bletter\s+by\s+letter\b|\bregular\s+expression|\bsquare\s+root",
    r"\bto\s+the\s+power\b|\bsay\s+(?:it\s+)?(?:again|back)\b|\bone\s+liner\b|\bunit\s+tests?\b",
    r"\d\s*[-+*/×÷=^]\s*\d",
)

_PERSON_WORDS_TEXT = """
i i'm i've i'd i'll im ive my mine myself we we're we've we'd we'll our ours ourselves us
"""
PERSON_WORDS = frozenset(_PERSON_WORDS_TEXT.split())
PERSON_PHRASES = (
    r"(?:\A|[.!?:\n])\s*(?:he|she|he's|she's|his|her)\b",
    r"\b(?:help|advise|warn|save|rescue)\s+(?:me|him|her|them|us)\b",
    (
        r"\b(?:can|could|should|may|must|shall)\s+(?:you\s+)?(?:he|she|one|someone|somebody|people|they|you|a\s+person)\s+"
        r"(?:take|use|eat|drink|do|get|go|have|give|be)\b"
    ),
)
"""Patterns of a request about a person and what happens to them."""
