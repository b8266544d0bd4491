"""Phrases by which an answer shows what was taken, by feature and language; written as in `lexicon.py`."""

from __future__ import annotations

ANSWERS: dict[str, str] = {
    "thinking_name": """
        en: think | thinking | thought | thoughts | reasoning | rationale | scratchpad | working | deliberation
            | inner monologue | chain of thought
        zh: 思考 | 推理
        ja: 思考 | 推論
        ko: 생각 | 추론
    """,
    "thinking_aloud": """
        en: let's think step by step | let us think step by step | let me think step by step | let me think about this
            | let's think about this | let me think through | let's think through | let me work through
            | let's work through | let's work this out | let me work this out | let me reason | let's reason
            | okay so i need to | ok so i need to | wait let me | wait actually | hmm let me | here is my reasoning
            | here's my reasoning | my reasoning is as follows | my thought process | first i need to figure out
        zh: 让我们一步一步 | 让我们一步步 | 让我们逐步 | 让我想想 | 让我想一想 | 我来一步步 | 我们来逐步 | 思考过程如下
            | 推理过程如下
        ja: 順を追って考え | 一歩ずつ考え | 段階的に考え | 順番に考え | 推論過程は | 思考過程は
        ko: 단계별로 생각해 | 차근차근 생각해 | 차례대로 생각해 | 추론 과정은 | 사고 과정은
        es: pensemos paso a paso | razonemos paso a paso | vamos paso a paso | mi razonamiento es
        fr: réfléchissons étape par étape | raisonnons étape par étape | procédons étape par étape
            | mon raisonnement est
        de: denken wir schritt für schritt | gehen wir schritt für schritt | überlegen wir schritt für schritt
            | meine überlegung ist
        pt: vamos pensar passo a passo | pensemos passo a passo | vamos raciocinar | meu raciocínio é
        ru: давайте рассуждать | давай рассуждать | рассуждаем пошагово | давайте подумаем шаг за шагом
            | ход рассуждений
    """,
    "step_number": """
        en: step 7
        zh: 步骤 7 | 第 7 步
        ja: ステップ 7 | 手順 7
        ko: 단계 7
        es: paso 7
        fr: étape 7
        de: schritt 7
        pt: passo 7
        ru: шаг 7
    """,
    "conclusion": """
        en: therefore | hence | thus | so the answer is | the answer is | final answer | the result is | we conclude
        zh: 因此 | 所以 | 综上 | 最终答案
        ja: したがって | よって | 最終的な答え
        ko: 따라서 | 그러므로 | 최종 답
        es: por lo tanto | por tanto | respuesta final | en conclusión
        fr: par conséquent | réponse finale | on en conclut
        de: folglich | daher | endergebnis | somit
        pt: portanto | resposta final | logo
        ru: следовательно | таким образом | окончательный ответ
    """,
    "grade_given": """
        en: score 7 out of 7 | score of 7 out of 7 | rating 7 out of 7 | grade 7 out of 7 | score 7 7 | rating 7 7
            | grade 7 7 | final score 7 | overall score 7 | total score 7 | overall rating 7 | final grade 7
            | response a is better | response b is better | answer a is better | answer b is better
            | assistant a is better | assistant b is better | preferred response | preferred answer | winner a
            | winner b
        zh: 评分 7 | 得分 7 | 总分 7 | 回答a更好 | 回答b更好
        ja: 評価 7 点 | 採点 7 点 | 得点 7 | 合計点 7
        ko: 점수 7 점 | 총점 7 | 평점 7
        es: puntuación 7 de 7 | puntuación 7 7 | calificación 7 7 | nota 7 7
        fr: note 7 sur 7 | note 7 7 | score 7 sur 7
        de: punktzahl 7 von 7 | bewertung 7 7 | punkte 7 von 7 | gesamtnote 7
        pt: nota 7 de 7 | nota 7 7 | pontuação 7 7
        ru: оценка 7 из 7 | оценка 7 7 | балл 7 из 7 | итоговая оценка 7
    """,
    "grade_opening": """
        en: score 7 | rating 7 | grade 7 | mark 7 | verdict a | verdict b | verdict tie | verdict correct
            | verdict incorrect | winner | preferred | preference a | preference b | is_correct | explanation score 7
        zh: 分数 7
        ja: 点数 7
        ko: 점수 7
        es: puntuación 7 | nota 7
        fr: note 7
        de: punktzahl 7 | bewertung 7 | note 7
        pt: nota 7 | pontuação 7
        ru: оценка 7 | балл 7
    """,
    "tool_use": """
        en: action input | thought i need to | thought i should | tool_call | tool_calls | function_call
            | tool_use | tool_name | tool_input | tool_arguments
    """,
}
"""Feature -> phrases; `conduct.py` says where each must stand."""
