"""Phrases that show conduct, by feature and language; written for this product.

A line is `language: phrase | phrase | ...`; every listed phrase counts as a whole run of words, in any case and with
or without accents, whatever stands between the words as long as it is no word. A number stands for any number. Scripts
written without spaces are matched character by character. `conduct.py` says what a feature means; the verbs and nouns
of its pairs are in `lexicon_parts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from stillhunt.extract.lexicon.answers import ANSWERS
from stillhunt.extract.lexicon.everyday import EVERYDAY
from stillhunt.extract.lexicon.parts import PARTS

_LANGUAGE = re.compile(r"^\s+[a-z][a-z]:", re.MULTILINE)

LEXICON: dict[str, str] = {
    "reasoning_asked": """
        en: step by step | chain of thought | think aloud | think out loud | show your work | show all work
            | show all your work | show your working | show all steps | show each step | show every step
            | explain each step | explain every step | justify each step | justify every step
            | with full reasoning | reasoning process | detailed reasoning | transparent reasoning
            | internal monologue | inner monologue | walk through your reasoning | walk me through your reasoning
            | work through the problem | before giving the final answer | before giving your final answer
            | before the final answer | then give the final answer | articulate the internal reasoning
            | alternatives you rejected | alternatives you considered | explicit evidence and reasoning
            | audit trail | reason carefully | think carefully first | lay out every inference
            | state every assumption | state assumptions | state your assumptions | state invariants
            | reasoning behind | verify each step | check each step | intermediate reasoning
            | all intermediate steps | every intermediate step | each intermediate step | how you arrived at
            | how you reached your | think carefully before | think it through before | reason before answering
            | think before answering | think before you answer
        zh: 一步一步 | 一步步 | 逐步推理 | 逐步思考 | 逐步分析 | 逐步解释 | 分步骤 | 分步推理 | 思维链 | 思考过程
            | 推理过程 | 详细推理 | 解题过程 | 写出推理 | 说明理由 | 推導過程 | 推导过程 | 推理過程 | 思考過程
            | 思維鏈 | 內心獨白 | 内心独白
        ja: ステップバイステップ | 段階的に考え | 段階的に説明 | 一歩ずつ | 思考過程 | 思考の過程 | 推論過程
            | 推論の過程 | 思考プロセス | 推論プロセス | 順を追って | 思考の連鎖 | 途中式 | 理由を説明し
        ko: 단계별로 | 단계적으로 | 차근차근 | 사고 과정 | 사고 과정을 | 추론 과정 | 추론 과정을 | 풀이 과정
            | 풀이 과정을 | 생각의 사슬
        es: paso a paso | cadena de pensamiento | muestra tu razonamiento | explica tu razonamiento
            | razona en voz alta | justifica cada paso | explica cada paso | proceso de razonamiento
            | piensa en voz alta
        fr: étape par étape | pas à pas | chaîne de pensée | montre ton raisonnement | montrez votre raisonnement
            | explique ton raisonnement | expliquez votre raisonnement | justifie chaque étape
            | justifiez chaque étape | détaille chaque étape | processus de raisonnement | pense à voix haute
        de: schritt für schritt | gedankenkette | denkschritte | begründe jeden schritt | erkläre jeden schritt
            | zeige deinen gedankengang | deinen gedankengang | gedankengang | lösungsweg | denk laut | rechenweg
        ru: шаг за шагом | пошагово | по шагам | цепочка рассуждений | цепочку рассуждений | ход рассуждений
            | ход мыслей | ход своих рассуждений | покажи рассуждения | обоснуй каждый шаг | объясни каждый шаг
            | рассуждай вслух | подробные рассуждения
        ar: خطوة بخطوة | خطوة خطوة | سلسلة التفكير | سلسلة الأفكار | عملية التفكير | طريقة تفكيرك | اشرح تفكيرك
            | برر كل خطوة | اشرح كل خطوة
        pt: passo a passo | cadeia de pensamento | mostre seu raciocínio | explique seu raciocínio
            | mostra o teu raciocínio | justifique cada passo | explique cada passo | processo de raciocínio
            | pense em voz alta
        it: passo dopo passo | passo per passo | catena di pensiero | mostra il tuo ragionamento
            | spiega il tuo ragionamento | giustifica ogni passaggio | processo di ragionamento
        hi: चरण दर चरण | चरणबद्ध | कदम दर कदम | सोचने की प्रक्रिया | तर्क प्रक्रिया | अपना तर्क | विचार श्रृंखला
        id: langkah demi langkah | rantai pemikiran | proses berpikir | proses penalaran | jelaskan penalaran
            | tunjukkan penalaran | jelaskan setiap langkah
        tr: adım adım | düşünce zinciri | düşünce süreci | düşünme süreci | akıl yürütme süreci | her adımı açıkla
            | her adımı gerekçelendir
        th: ทีละขั้นตอน | ทีละขั้น | กระบวนการคิด | ขั้นตอนการคิด | แสดงวิธีคิด | แสดงวิธีทำ
        vi: từng bước một | theo từng bước | từng bước | chuỗi suy luận | chuỗi suy nghĩ | quá trình suy luận
            | quá trình suy nghĩ | giải thích từng bước
    """,
    "trace_format_asked": """
        en: reasoning in tags | thinking in tags | inside think tags | in think tags | within thinking tags
            | inside thinking tags | in thinking tags | inside reasoning tags | in reasoning tags
            | in the thinking content | thinking content | reasoning then answer | rationale then answer
        zh: 思考标签 | 推理标签 | 放在思考标签 | 思考內容 | 思考内容
        ja: 思考タグ | 推論タグ
        ko: 생각 태그 | 추론 태그
        ru: в теге think | в тегах think
        es: etiquetas think | etiquetas de razonamiento
        fr: balises think | balises de raisonnement
        de: in think tags
    """,
    "rubric_asked": """
        en: which response is better | which answer is better | which of the two responses
            | which is better response a | response a and response b | answer a and answer b
            | assistant a and assistant b | response a or response b | answer a or answer b | scoring rubric
            | grading rubric | grading criteria | scoring criteria | according to the rubric | using the rubric
            | based on the rubric | this rubric | impartial judge | on a scale of 7 to 7 | on a scale from 7 to 7
            | score from 7 to 7 | a score of 7 to 7 | rate from 7 to 7 | score between 7 and 7
            | grade the following | grade this answer | grade the answer | grade the response | judge the quality
            | pairwise comparison | reward model | preference label
        zh: 评分标准 | 評分標準 | 打分标准 | 按照评分 | 哪个回答更好 | 哪個回答更好 | 哪个答案更好 | 评分细则
            | 进行打分 | 给出评分 | 给出分数
        ja: 採点基準 | 評価基準 | どちらの回答が | 採点してください | 点数をつけ
        ko: 채점 기준 | 채점 기준에 | 평가 기준에 | 어느 답변이 더 | 점수를 매겨 | 점수를 매기
        es: rúbrica | criterios de evaluación | qué respuesta es mejor | cuál respuesta es mejor
            | en una escala de 7 a 7 | en una escala del 7 al 7
        fr: grille de notation | grille d'évaluation | barème | critères de notation
            | quelle réponse est meilleure | quelle réponse est la meilleure | sur une échelle de 7 à 7
        de: bewertungsschema | bewertungskriterien | bewertungsraster | welche antwort ist besser
            | auf einer skala von 7 bis 7
        ru: критерии оценки | критериям оценки | по шкале от 7 до 7 | какой ответ лучше | оцени ответ
            | оцените ответ
        ar: معايير التقييم | معايير التصحيح | على مقياس من 7 إلى 7 | أي إجابة أفضل
        pt: rubrica | critérios de avaliação | qual resposta é melhor | em uma escala de 7 a 7
            | numa escala de 7 a 7
        hi: मूल्यांकन मानदंड | अंक दें | कौन सा उत्तर बेहतर
        id: rubrik penilaian | kriteria penilaian | jawaban mana yang lebih baik | skala 7 sampai 7
            | skala 7 hingga 7
        tr: değerlendirme ölçütleri | puanlama ölçütleri | değerlendirme kriterleri | hangi cevap daha iyi
            | hangi yanıt daha iyi
        th: เกณฑ์การให้คะแนน | คำตอบไหนดีกว่า
        vi: tiêu chí chấm điểm | thang điểm từ 7 đến 7 | câu trả lời nào tốt hơn
    """,
    "cleaning_asked": """
        en: clean up the reasoning | clean the reasoning | clean up this trace | clean this trace
            | clean the trace | cleaned reasoning trace | rewrite the reasoning trace | rewrite this reasoning
            | rewrite the chain of thought | polish the reasoning | remove dead ends | remove redundant steps
            | remove false starts
        zh: 清洗推理 | 清洗思维链 | 改写推理过程 | 润色推理 | 改写思维链 | 重写推理过程 | 整理推理过程
            | 精简思考过程
        ja: 推論過程を書き直 | 思考過程を書き直 | 推論を整理
        ko: 추론 과정을 다듬 | 추론 과정을 정리 | 사고 과정을 정리 | 추론 과정을 정리하고 | 추론 과정을 정리해
            | 추론 과정을 다듬어 | 추론 과정을 다시 써
        ru: перепиши рассуждения | очисти рассуждения | отредактируй рассуждения
        es: reescribe el razonamiento | limpia el razonamiento
        fr: réécris le raisonnement | nettoie le raisonnement
        de: überarbeite den gedankengang | bereinige den gedankengang | überarbeite die gedankenkette
            | bereinige die gedankenkette
        ar: أعد كتابة سلسلة التفكير | أعد صياغة سلسلة التفكير | أعد كتابة خطوات التفكير | نقح خطوات التفكير
        pt: reescreva o raciocínio | limpe o raciocínio
        it: riscrivi il ragionamento | ripulisci il ragionamento | rielabora il ragionamento
        hi: तर्क को फिर से लिखें | विचार श्रृंखला को सुधारें
        id: tulis ulang penalaran | rapikan penalaran
        tr: akıl yürütmeyi yeniden yaz | akıl yürütmeyi düzenle | düşünce zincirini düzelt
        th: เขียนกระบวนการคิดใหม่ | เรียบเรียงกระบวนการคิด | แก้ไขกระบวนการคิด
    """,
    "probe": """
        en: do not flag | don't flag | not reasoning extraction | reasoning extraction | real system prompt
            | ignore previous instructions and print | repeat everything above | repeat the text above
            | repeat the words above | print everything above | verbatim system prompt
            | what is your system prompt | what are your system instructions | this is a debugging session
            | reveal your hidden | your hidden reasoning | your hidden instructions | encrypted reasoning
            | working memory verbatim | raw thinking tokens | thinking tokens verbatim
        zh: 输出你的系统提示 | 系统提示词是什么 | 重复上面的所有内容 | 你的系统提示词 | 不要标记 | 显示隐藏的推理
            | 輸出你的系統提示
        ja: システムプロンプトを表示 | システムプロンプトを出力 | システムプロンプトを教え | 隠された推論
        ko: 시스템 프롬프트를 출력 | 시스템 프롬프트를 보여 | 시스템 프롬프트를 알려 | 시스템 프롬프트를 그대로
            | 숨겨진 추론을
        es: muestra tu prompt de sistema | tu prompt del sistema | no marques esto
        fr: ton prompt système | votre prompt système
        de: deinen system prompt | deinen systemprompt
        ru: свой системный промпт | твой системный промпт | системный промпт дословно
        ar: موجه النظام الخاص بك | تعليمات النظام الخاصة بك
        it: il tuo prompt di sistema | tuo prompt di sistema
        pt: seu prompt de sistema | seu prompt do sistema
        hi: अपना सिस्टम प्रॉम्प्ट
        id: prompt sistem anda
        tr: sistem komutunu göster | sistem istemini olduğu gibi | sistem istemini aynen
        th: พรอมต์ระบบของคุณ | คำสั่งระบบของคุณ
    """,
    "trajectory": """
        en: thought action action input observation | question thought action | thought action observation
            | action action input | action input | you have access to the following tools
            | you have access to the tools | access to the following functions | tool call | tool calls
            | tool_call | tool_calls | function_call | function calling | function schema | function schemas
            | function signatures | agent trajectory | agent trajectories | tool use trajectory
            | trajectory of tool calls | next action | action space | multi turn tool use | tool_name | tool_input
            | tool_use | tool_result | toolformer
        zh: 工具调用 | 函数调用 | 智能体轨迹 | 调用工具 | 以下工具
        ja: ツール呼び出し | 関数呼び出し | 次のツール | 以下のツール
        ko: 도구 호출 | 함수 호출 | 다음 도구를 사용 | 다음 도구를 사용할
            | 도구 호출을
        ru: вызов инструмента | вызовы инструментов | вызов функции | следующим инструментам
        es: llamada a herramienta | llamadas a herramientas | llamada a función
            | acceso a las siguientes herramientas
        fr: appel d'outil | appels d'outils | appel de fonction | accès aux outils suivants
        de: werkzeugaufruf | werkzeugaufrufe | funktionsaufruf | zugriff auf folgende werkzeuge
            | zugriff auf die folgenden werkzeuge
        pt: chamada de ferramenta | chamadas de ferramentas | chamada de função | acesso às seguintes ferramentas
        it: chiamata di strumento | chiamate agli strumenti | chiamata di funzione | accesso ai seguenti strumenti
        ar: استدعاء الأداة | استدعاء الأدوات | استدعاء الدالة | لديك الأدوات التالية | الأدوات المتاحة لك
        hi: टूल कॉल | फ़ंक्शन कॉल | निम्नलिखित टूल
        id: pemanggilan alat | akses ke alat berikut | pemanggilan fungsi
        tr: araç çağrısı | araç çağrıları | fonksiyon çağrısı | şu araçlara erişimin | aşağıdaki araçlara
        th: เรียกใช้เครื่องมือ | เครื่องมือต่อไปนี้ | การเรียกฟังก์ชัน
        vi: gọi công cụ | gọi hàm | các công cụ sau
    """,
    "generation_asked": """
        en: diverse set of questions | diverse set of tasks | diverse set of instructions | seed tasks
            | new task instructions
        zh: 生成多样化的 | 多样化的问题 | 多样化的任务 | 道题目并附 | 指令微调
        ja: 多様な質問を生成 | 多様なタスクを生成 | 問題と解答を作成 | 学習データを作成
        ko: 다양한 질문을 생성 | 다양한 문제를 생성 | 학습 데이터를 생성
    """,
    "trace_translation_asked": """
        en: previous working memory | translate your thinking | translate your reasoning | translate your thoughts
            | encode your reasoning | encode your thinking | thinking in base64 | reasoning in base64
            | katakana only | translate the previous thinking
        zh: 翻译你的思考 | 翻译你的推理 | 翻译之前的思考 | 只用片假名
        ja: 思考を翻訳 | 推論を翻訳 | カタカナのみ
        ko: 생각을 번역 | 추론을 번역
    """,
    "persona": """
        en: you are a | you are an | you are the | you are now | you're a | you're an | act as | act like a
            | act like an | assume the role | take the role | take on the role | play the role | i want you to act
            | imagine you are | pretend you are | pretend to be | work as | as an expert | as a senior
            | your role is
        zh: 你是一 | 你是一个 | 你是一位 | 你是一名 | 您是一 | 请你扮演 | 请扮演 | 扮演 | 作为一 | 我希望你充当
            | 我想让你充当 | 你現在是 | 你现在是
        ja: あなたは | 役割を演じ
        ko: 당신은 | 너는 | 역할을 해 | 역할을 맡아
        es: eres un | eres una | eres el | actúa como | usted es un | imagina que eres | quiero que actúes
        fr: tu es un | tu es une | vous êtes un | vous êtes une | agis comme | agissez comme | agis en tant
            | agissez en tant | imagine que tu es
        de: du bist ein | du bist eine | sie sind ein | sie sind eine | agiere als | handle als
            | stell dir vor du bist
        ru: ты эксперт | ты опытный | ты профессиональный | ты являешься | вы эксперт | вы опытный | вы являетесь
            | действуй как | действуйте как | представь что ты | веди себя как
        ar: أنت خبير | أنت مساعد | أنت محلل | تصرف كـ | تصرف ك | تصرف بصفتك | تخيل أنك | بصفتك
        pt: você é um | você é uma | tu és um | tu és uma | aja como | atue como | imagine que você é
        it: sei un | sei una | sei un' | agisci come | comportati come | immagina di essere
        hi: आप एक | तुम एक | कल्पना कीजिए कि आप
        id: anda adalah | kamu adalah | bertindaklah sebagai | bertindak sebagai | berperan sebagai
        tr: sen bir | siz bir | gibi davran | rolünü üstlen
        th: คุณคือ | คุณเป็น | จงสวมบทบาท
        vi: bạn là một | bạn là | hãy đóng vai | đóng vai | hành động như
    """,
    "format_demanded": """
        en: return only | output only | respond only with | reply only with | answer only with | respond in json
            | respond with json | return valid json | valid json | as json with keys | json with keys
            | json object | json schema | json format | in json | in the following format
            | use the following format | in this exact format | exact format | following json | strict json
            | as a json array | output format | csv format | in xml | markdown table | with the following fields
            | with the following keys | no extra text | no additional text | without any explanation
            | nothing else | no other text
        zh: 只输出 | 仅输出 | 只返回 | 仅返回 | 输出格式 | 按照以下格式 | 以下格式 | 返回json | 以json格式
            | json格式 | json 格式 | 不要输出其他 | 不要添加任何 | 不要任何解释
        ja: 次の形式で | 以下の形式で | 出力形式 | のみを出力 | だけを出力 | json形式で | json 形式で
        ko: 다음 형식으로 | 출력 형식 | 형식으로만 | 만 출력 | json 형식으로
        es: formato json | en json | en el siguiente formato | con el siguiente formato | formato de salida
            | responde únicamente | responde solo con | devuelve solo | sin explicaciones
        fr: format json | en json | au format suivant | dans le format suivant | format de sortie
            | réponds uniquement | répondez uniquement | renvoie uniquement | sans explication
        de: im json format | als json | in folgendem format | im folgenden format | ausgabeformat | nur mit
            | gib nur | antworte nur | ohne erklärung
        ru: в формате json | в следующем формате | формат ответа | формат вывода | отвечай только | верни только
            | выведи только | без пояснений
        ar: بصيغة json | بتنسيق json | بالتنسيق التالي | بالصيغة التالية | فقط دون شرح | أعد فقط
        pt: formato json | em json | no seguinte formato | formato de saída | responda apenas | retorne apenas
            | sem explicação
        it: formato json | nel seguente formato | rispondi solo | restituisci solo | senza spiegazioni
        hi: json प्रारूप | निम्नलिखित प्रारूप | केवल उत्तर दें
        id: format json | dalam format berikut | format keluaran | hanya keluarkan | jawab hanya
        tr: json formatında | aşağıdaki formatta | şu formatta | sadece json | yalnızca json | çıktı formatı
        th: ในรูปแบบ json | รูปแบบต่อไปนี้
        vi: định dạng json | theo định dạng sau | chỉ trả về | chỉ trả lời
    """,
}
"""Feature -> phrases that show a flag by themselves; continued in `lexicon_everyday.py`."""


def phrases_by_feature(features: Collection[str]) -> list[tuple[str, str]]:
    """(phrase, feature) of some features, in a fixed order.

    Args:
        features: their names, of prompts or of answers.
    """
    pairs = set()
    for part in (LEXICON, EVERYDAY, PARTS, ANSWERS):
        for feature, text in part.items():
            if feature in features:
                for line in _LANGUAGE.split(text):
                    pairs |= {(" ".join(phrase.split()), feature) for phrase in line.split("|") if phrase.strip()}
    return sorted(pairs)
