"""Words on which a fact hangs, such as negations, quantities, order, direction, time: no mark chooses among them."""

from __future__ import annotations

_ENGLISH = """
no not never none nor neither without cannot all every each any some only both half twice double once zero one two
three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion dozen first second
third fourth fifth last before after more less most least than above below over under increase decrease true false
yes percent must may should can will always he she him her his hers left right up down north south east west yesterday
today tomorrow second seconds minute minutes hour hours day days week weeks month months year years gram grams kilogram
kilograms metre metres meter meters kilometre kilometres kilometer kilometers mile miles degree degrees dollar dollars
nothing nobody nowhere unless except hardly barely scarcely seldom rarely often sometimes few fewer fewest lower lowest
higher highest larger largest smaller smallest greater greatest minus plus quarter quarters sixth seventh eighth ninth
tenth eleventh twelfth twentieth hundredth inside outside upward downward forward backward could might shall until
neither several enough nearly exactly next previous former latter earlier later noon midnight decade decades century
centuries euro euros pound pounds cent cents litre litres liter liters foot feet inch inches ounce ounces ton tons tonne
tonnes clockwise major minor positive negative triple dozens thousands millions billions opposite allow allowed forbid
forbidden
"""
_GERMAN = """
kein keine keinen nicht nie niemals ohne null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf hundert
tausend millionen erste zweite dritte mehr weniger alle ja nein
dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig
neunzig million milliarde milliarden vierte fünfte sechste siebte achte neunte zehnte halb halbe hälfte doppelt viertel
nichts niemand nirgends weder noch außer kaum selten immer oft nur links rechts oben unten innen außen vor nach über
unter muss müssen muß darf dürfen kann können soll sollen könnte sollte dürfte keiner keines keinem wenig wenige viele
höher niedriger größer kleiner gestern heute morgen nord süd ost west norden süden osten westen minus prozent
"""
_FRENCH = """
pas jamais sans aucun aucune ne un deux trois quatre cinq sept huit neuf dix cent mille premier oui non plus moins
onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante million millions milliard milliards
première second seconde deuxième troisième quatrième cinquième dixième demi moitié double quart tiers rien ni personne
nulle guère sauf excepté toujours souvent rarement seulement tous toutes tout gauche droite haut bas avant après dessus
dessous dedans dehors doit doivent peut peuvent devrait pourrait faut nord sud ouest hier demain six
"""
_SPANISH = """
sin nunca ningún ninguna uno dos tres cuatro cinco seis siete ocho nueve diez cien ciento mil primero más menos
once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta sesenta
setenta ochenta noventa millón millones primera segundo segunda tercero tercera cuarto quinto décimo medio media mitad
doble no nada nadie ni tampoco jamás ningun salvo excepto siempre apenas solo sólo todos todas todo sí izquierda derecha
arriba abajo dentro fuera antes después debe deben puede pueden debería podría norte oeste ayer hoy mañana
"""
_PORTUGUESE = """
não nem sem um dois três quatro sete oito dez cem mais
uma duas cinco nove onze doze treze catorze quatorze quinze dezesseis dezasseis dezessete dezoito dezenove vinte trinta
quarenta cinquenta sessenta setenta oitenta noventa mil milhão milhões primeiro primeira segundo segunda terceiro quarto
quinto décimo meio meia metade dobro menos nada ninguém nunca jamais nenhum nenhuma exceto salvo sempre apenas só todos
todas tudo sim esquerda direita acima abaixo dentro fora antes depois deve devem pode podem deveria poderia norte sul
leste oeste ontem hoje amanhã seis
"""
_ITALIAN = """
mai senza nessuno due tre quattro cinque sette otto nove dieci cento più meno
uno una sei undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove venti trenta quaranta
cinquanta sessanta settanta ottanta novanta mille mila milione milioni primo prima secondo seconda terzo quarto quinto
decimo mezzo mezza metà doppio non niente nulla né nessuna neanche tranne eccetto sempre appena solo tutti tutte tutto
sì no sinistra destra sopra sotto dentro fuori dopo deve devono può possono dovrebbe potrebbe nord sud ovest ieri
oggi domani
"""
FACT_WORDS = frozenset(" ".join((_ENGLISH, _GERMAN, _FRENCH, _SPANISH, _PORTUGUESE, _ITALIAN)).split())
"""In lower case; of the six languages whose words the rules know."""
